"use strict";

/** The error of a host call, as the contract has it (`api-error` in `wit/types.wit`). */
class ApiError extends Error {
  constructor(tag, val) {
    super(val === undefined ? tag : `${tag}: ${val}`);
    this.tag = tag;
    this.val = val;
    // jco passes the `payload` of a thrown error to the component.
    this.payload = val === undefined ? { tag } : { tag, val };
  }

  /** The error as `ligature run --json` prints it. */
  toJSON() {
    if (this.tag === "timed-out") return this.tag;
    if (this.tag !== "rate-limited") return { [this.tag]: this.val };
    return { "rate-limited": this.val === undefined ? {} : { retry_after_s: this.val } };
  }

  /** The error as a sentence for people. */
  toSentence() {
    switch (this.tag) {
      case "not-found":
        return `there is no user ${this.val}`;
      case "timed-out":
        return "the tenant did not answer in time";
      case "rate-limited":
        return "the tenant asks for fewer calls";
      case "too-many":
        return `more than ${this.val} users have this address`;
      default:
        return String(this.val);
    }
  }
}

/** Masks every address in a text: `ada@corp.com` becomes `a…@corp.com`. Takes time in proportion to the text. */
function maskAddresses(text) {
  // Each word is matched once, with or without an `@`: a pattern that needs the `@` tries every letter of a long word.
  const word = /[^\s"'`<>():;,|[\]=@]+@?/gu;
  return text.replace(word, (it) => (it.endsWith("@") ? `${String.fromCodePoint(it.codePointAt(0))}…@` : it));
}

module.exports = { ApiError, maskAddresses };
