// A recent login: a session alone, which somebody may have stolen, changes no way to log in.

/** Seconds after a login in which it allows a change, and by which two clocks may differ. */
const RECENT = 300;
const LEEWAY = 60;

/** Whether the login of an ID token is recent. Without `auth_time` it is not known to be. */
export const isRecent = ({ auth_time }, now = Math.floor(Date.now() / 1000)) =>
  Number.isInteger(auth_time) && auth_time > now - RECENT && auth_time <= now + LEEWAY;
