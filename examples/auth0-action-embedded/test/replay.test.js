"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { ApiError } = require("../lib/errors");
const { runByReplay } = require("../lib/replay");

test("every call is answered once, and each run sees the answers before", async () => {
  const asked = [];
  const runs = [];
  const { result } = await runByReplay(
    (call) => {
      runs.push([]);
      const note = (value) => runs.at(-1).push(value);
      note(call("a", { n: 1 }));
      note(call("b", {}));
      return call("a", { n: 2 });
    },
    async (name, request) => asked.push([name, request]),
  );
  assert.deepEqual(asked, [
    ["a", { n: 1 }],
    ["b", {}],
    ["a", { n: 2 }],
  ]);
  assert.deepEqual(runs, [[], [1], [1, 2], [1, 2]]);
  assert.equal(result, 3);
});

test("an error of the contract is an answer, and any other ends the login", async () => {
  const answers = { refused: new ApiError("refused", "no"), broken: new Error("broken") };
  const fail = async (name) => {
    throw answers[name];
  };
  const run = (name) => (call) => {
    try {
      call(name, {});
    } catch (error) {
      if (error.payload) return error.payload;
      throw error;
    }
    return assert.fail("the call was answered");
  };
  const { result } = await runByReplay(run("refused"), fail);
  assert.deepEqual(result, { tag: "refused", val: "no" });
  await assert.rejects(runByReplay(run("broken"), fail), /broken/);
});

test("a component that calls another function than before is stopped", async () => {
  let runs = 0;
  const run = (call) => call("find", { email: String((runs += 1)) });
  await assert.rejects(
    runByReplay(run, async () => 1),
    /another function than before/,
  );
});

test("a component that hides a stopped call is stopped at the next one", async () => {
  const run = (call) => {
    for (;;) {
      try {
        call("find", {});
      } catch {
        // An honest component cannot go on here.
        return "made up";
      }
    }
  };
  // The result of a run that was stopped does not count.
  const answers = [];
  const replayed = runByReplay(run, async () => answers.push(1));
  await assert.rejects(replayed, /more than 50 host calls|has gone on/);
});

test("an endless sequence of calls is stopped", async () => {
  const run = (call) => {
    for (let n = 0; ; n += 1) call("find", { n });
  };
  await assert.rejects(
    runByReplay(run, async () => 1),
    /more than 50 host calls/,
  );
});
