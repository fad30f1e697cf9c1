// The Rule in an isolate of its own for each login, by `isolated-vm`.
import ivm from "isolated-vm";

/** The least memory that an isolate can be given. */
const MEGABYTES = 8;

/** An isolate for each login. The code is compiled once, and its compiled form handed to each. */
export function prepare(source) {
  const first = new ivm.Isolate({ memoryLimit: MEGABYTES });
  const { cachedData } = first.compileScriptSync(source, { produceCachedData: true });
  first.dispose();
  return (user, calls) => {
    const isolate = new ivm.Isolate({ memoryLimit: MEGABYTES });
    try {
      const context = isolate.createContextSync();
      for (const [name, call] of Object.entries(calls)) context.global.setSync(name, new ivm.Callback(call));
      isolate.compileScriptSync(source, { cachedData }).runSync(context);
      return context.global.getSync("decide", { reference: true }).applySync(undefined, [user]);
    } finally {
      isolate.dispose();
    }
  };
}
