"use strict";

/** The limits of one login: those of the host (`ligature schema limits`). */
const LIMITS = {
  lookUps: 8,
  candidates: 1000,
  links: 2,
  linkMetadataBytes: 32 * 1024,
  linkMetadataKeys: null,
  textBytes: 1024,
  reasons: 100,
};

/** The moment until which a login may take. */
class Deadline {
  constructor(millis) {
    this.end = performance.now() + millis;
  }

  /** The milliseconds that are left; 0 if it has passed. */
  left() {
    return Math.max(0, this.end - performance.now());
  }

  /** Moves the moment, if less than this is left. */
  extend(millis) {
    this.end = Math.max(this.end, performance.now() + millis);
  }
}

module.exports = { Deadline, LIMITS };
