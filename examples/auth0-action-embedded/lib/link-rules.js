"use strict";
// What a link may write, checked before anything is read.

const { ApiError } = require("./errors");

/** Marks that no link writes or removes. */
const PROTECTED = ["linking", "no_link", "privileged"];
/** Keys that change an object's prototype when JavaScript merges it into another object. */
const PROTOTYPE = ["__proto__", "constructor", "prototype"];
const MAX_DEPTH = 64;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Parses the metadata that a link writes. Throws `invalid` if it cannot be written. */
function readMetadata(field, text, limits) {
  if (text === undefined) return undefined;
  const bytes = Buffer.byteLength(text);
  const most = limits.linkMetadataBytes;
  if (bytes > most) {
    const limit = `a link writes at most ${most} (the limit is \`link_metadata_bytes\`)`;
    throw new ApiError("invalid", `\`${field}\` is ${bytes} bytes long; ${limit}`);
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!isObject(value)) throw new ApiError("invalid", `\`${field}\` is not a JSON object`);
  if (depthOf(value) > MAX_DEPTH) {
    throw new ApiError("invalid", `\`${field}\` is nested more than ${MAX_DEPTH} levels deep`);
  }
  return value;
}

function depthOf(value) {
  let depth = 0;
  for (let level = [value]; level.length > 0; depth += 1) {
    level = level.filter((it) => it !== null && typeof it === "object").flatMap((it) => Object.values(it));
  }
  return depth - 1;
}

/** Returns the first fault of a link's metadata, or null. */
function findMetadataFault(request, allowed) {
  for (const [name, object] of [
    ["user_metadata", request.userMetadata],
    ["app_metadata", request.appMetadata],
  ]) {
    const fault = object && (findKeyFault(name, object, allowed) ?? findValueFault(name, object));
    if (fault) return fault;
  }
  return null;
}

function findKeyFault(name, object, allowed) {
  for (const key of Object.keys(object).sort()) {
    const shown = JSON.stringify(key).slice(1, -1).slice(0, 100);
    if (name === "app_metadata" && PROTECTED.includes(key)) {
      return `\`${name}.${shown}\` is a mark, which no link writes or removes`;
    }
    if (allowed && !allowed.includes(key)) {
      return `\`${name}.${shown}\` is not among the keys that a link may write (the limit is \`link_metadata_keys\`)`;
    }
  }
  return null;
}

/** A prototype key at any depth, or a number that JavaScript cannot hold exactly: a link would write another one. */
function findValueFault(name, value) {
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return `\`${name}\` holds a whole number beyond 2^53, which this Action cannot write exactly`;
  }
  if (value === null || typeof value !== "object") return null;
  for (const [key, held] of Object.entries(value)) {
    if (!Array.isArray(value) && PROTOTYPE.includes(key)) {
      return `\`${name}\` holds the key \`${key}\`, which no link writes`;
    }
    const fault = findValueFault(name, held);
    if (fault) return fault;
  }
  return null;
}

/** Returns the first fault in the form of reasons, or null. */
function findReasonsFault(reasons, limits) {
  if (reasons.length > limits.reasons)
    return `it gives ${reasons.length} reasons; at most ${limits.reasons} are accepted`;
  for (const { code, detail, subject = [] } of reasons) {
    if (!/^[A-Z0-9_]{1,64}$/.test(code)) return "a code of a reason is not 1 to 64 capitals, digits and `_`";
    const text = findTextFault(detail, limits);
    if (text) return `the detail of \`${code}\` ${text}`;
    if (subject.length > limits.candidates) return `\`${code}\` is about ${subject.length} users`;
  }
  return null;
}

/** Returns what is wrong with a text of the component, or null. */
function findTextFault(text, limits) {
  if (Buffer.byteLength(text) > limits.textBytes) return `is longer than ${limits.textBytes} bytes`;
  // Control characters, and those that change the direction of text.
  return /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(text) ? "holds a control character" : null;
}

module.exports = { findMetadataFault, findReasonsFault, findTextFault, readMetadata };
