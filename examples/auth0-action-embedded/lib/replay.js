"use strict";
// Answers the host calls of the component by deterministic replay. A component calls synchronously, and the answer
// comes from the network: a call without a recorded answer stops the run, its answer is fetched, and a fresh instance
// runs from the beginning, with every answer so far.

const { ApiError } = require("./errors");

/** Stops a run at a host call without a recorded answer. */
class Unanswered extends Error {}

/** The longest sequence of calls in a login: the guard's budget, and the refusals after it. */
const MAX_CALLS = 50;

/**
 * Runs the component until every host call has an answer. `run(call)` is one run of a fresh instance;
 * `call(name, request)` is its host call. `answer(name, request)` fetches an answer; an `ApiError` that it throws is
 * an answer too. Returns the result of the last run, and the calls with their answers.
 */
async function runByReplay(run, answer) {
  const recorded = [];
  for (;;) {
    let position = 0;
    let missing = null;
    const call = (name, request) => {
      const key = JSON.stringify([name, request]);
      const known = recorded[position];
      position += 1;
      if (!known) {
        missing = { name, request, key };
        throw new Unanswered(name);
      }
      if (known.key !== key) throw new Error("the component has called another function than before");
      if (known.error) throw known.error;
      return known.value;
    };
    try {
      const result = run(call);
      if (missing) throw new Error("the component has gone on after a call without an answer");
      return { result, calls: recorded };
    } catch (error) {
      if (!(error instanceof Unanswered)) throw Object.assign(error, { calls: recorded });
    }
    if (recorded.length >= MAX_CALLS) throw new Error(`the component makes more than ${MAX_CALLS} host calls`);
    recorded.push(await fetchAnswer(missing, answer));
  }
}

async function fetchAnswer({ name, request, key }, answer) {
  try {
    return { name, request, key, value: await answer(name, request) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { name, request, key, error };
  }
}

module.exports = { runByReplay };
