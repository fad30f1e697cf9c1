"use strict";
// The marks of separated accounts, `app_metadata.linking.unlinked`: after an unlink, a policy does not link the pair
// again for a while. A link would lose the secondary's marks.

const { idOf } = require("./users");

/** The number of marks that an account keeps. */
const REMEMBERED = 50;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isMark = (mark) => isObject(mark) && typeof mark.from === "string" && Number.isInteger(mark.at) && mark.at >= 0;
const timeOf = (mark) => (Number.isInteger(mark?.at) ? mark.at : 0);

/**
 * Returns `linking` of the primary after a link, with the secondary's marks; undefined if nothing changes. Marks about
 * the primary's own identities are dropped. A value of another type stays: it forbids linking.
 */
function carryOverMarks(primary, secondary) {
  const linking = primary.app_metadata?.linking ?? {};
  const held = linking.unlinked ?? [];
  if (!isObject(linking) || !Array.isArray(held)) return undefined;
  const others = secondary.app_metadata?.linking?.unlinked;
  const own = new Set([...primary.identities, ...secondary.identities].map(idOf));
  const isOwn = (mark) => own.has(mark?.from);
  const carried = (Array.isArray(others) ? others : []).filter((mark) => isMark(mark) && !isOwn(mark));
  if (carried.length === 0 && !held.some(isOwn)) return undefined;
  const marks = held.filter((mark) => !isOwn(mark));
  for (const mark of carried) {
    const place = marks.findIndex((known) => known?.from === mark.from);
    if (place < 0) marks.push(mark);
    else if (timeOf(marks[place]) < mark.at) marks[place] = mark;
  }
  marks.sort((a, b) => timeOf(a) - timeOf(b));
  return { ...linking, unlinked: marks.slice(-REMEMBERED) };
}

module.exports = { carryOverMarks };
