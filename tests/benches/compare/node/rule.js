// The logic of Auth0's withdrawn Rule "link users by email", with its metadata: written anew, as a plain script for any
// sandbox. The sandbox provides `usersByEmail`, `updateUser` and `linkAccounts`, which take and return JSON as the
// Management API does.
function decide(userText) {
  const user = JSON.parse(userText);
  if (!user.email || !user.email_verified) return "";
  const others = JSON.parse(usersByEmail(user.email)).filter(
    (other) => other.email_verified && other.user_id !== user.user_id,
  );
  if (others.length === 0) return "";
  if (others.length > 1) throw new Error("several users have this address: none is the one to link with");
  const [primary] = others;
  const metadata = {
    user_metadata: { ...user.user_metadata, ...primary.user_metadata },
    app_metadata: { ...user.app_metadata, ...primary.app_metadata },
  };
  updateUser(primary.user_id, JSON.stringify(metadata));
  const bar = user.user_id.indexOf("|");
  const identity = { provider: user.user_id.slice(0, bar), user_id: user.user_id.slice(bar + 1) };
  linkAccounts(primary.user_id, JSON.stringify(identity));
  return primary.user_id;
}
