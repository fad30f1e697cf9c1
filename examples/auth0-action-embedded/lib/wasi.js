"use strict";
// WASI without effects: the component reads the login's time and nothing else of this machine.

class Pollable {}
class StreamError {}
class InputStream {}
class TerminalInput {}
class TerminalOutput {}

const MAX_OUTPUT = 4096;

/** A stream that keeps the beginning of its output: a panic writes its message to it. */
class OutputStream {
  text = "";

  checkWrite() {
    return BigInt(MAX_OUTPUT);
  }

  write(bytes) {
    this.text = (this.text + Buffer.from(bytes).toString("utf8")).slice(0, MAX_OUTPUT);
  }

  blockingFlush() {}

  subscribe() {
    return new Pollable();
  }
}

/** The imports of one instance, at this time in milliseconds, and its standard error. */
function createWasi(now) {
  const stderr = new OutputStream();
  const seconds = BigInt(Math.floor(now / 1000));
  const imports = {
    "wasi:cli/environment": { getEnvironment: () => [] },
    "wasi:cli/exit": {
      exit: () => {
        throw new Error("the component has ended itself");
      },
    },
    "wasi:cli/stdin": { getStdin: () => new InputStream() },
    "wasi:cli/stdout": { getStdout: () => new OutputStream() },
    "wasi:cli/stderr": { getStderr: () => stderr },
    "wasi:cli/terminal-input": { TerminalInput },
    "wasi:cli/terminal-output": { TerminalOutput },
    "wasi:cli/terminal-stdin": { getTerminalStdin: () => undefined },
    "wasi:cli/terminal-stdout": { getTerminalStdout: () => undefined },
    "wasi:cli/terminal-stderr": { getTerminalStderr: () => undefined },
    "wasi:clocks/wall-clock": { now: () => ({ seconds, nanoseconds: (now % 1000) * 1_000_000 }) },
    "wasi:io/error": { Error: StreamError },
    "wasi:io/poll": { Pollable },
    "wasi:io/streams": { InputStream, OutputStream },
  };
  return { imports, stderr };
}

module.exports = { createWasi };
