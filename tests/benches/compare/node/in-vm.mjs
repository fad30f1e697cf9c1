// The Rule in a context of `node:vm`, which is no security boundary: https://nodejs.org/api/vm.html.
import { createContext, Script } from "node:vm";

/** A context for each login. The script is compiled once. */
export function prepareFresh(source) {
  const script = new Script(source);
  return (user, calls) => {
    const context = createContext(calls);
    script.runInContext(context);
    return context.decide(user);
  };
}

/** One context for every login: whatever one login leaves in it, the next one finds. */
export function prepareReused(source) {
  let current;
  const context = createContext({
    usersByEmail: (email) => current.usersByEmail(email),
    updateUser: (userId, changes) => current.updateUser(userId, changes),
    linkAccounts: (userId, identity) => current.linkAccounts(userId, identity),
  });
  new Script(source).runInContext(context);
  return (user, calls) => {
    current = calls;
    return context.decide(user);
  };
}
