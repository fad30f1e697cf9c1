// The user's own account, by the Management API with the user's own access token.

/** A failure that is explained to the person. `isOver`: the session has ended. */
export class Refused extends Error {
  constructor(words, { isOver = false, cause } = {}) {
    super(words, { cause });
    this.isOver = isOver;
  }
}

const SESSION_OVER = 'Your session is over. Log in again.';

/** The words for a response of the Management API. */
function explain(status, { errorCode, message }) {
  if (status === 401) return new Refused(SESSION_OVER, { isOver: true });
  if (errorCode === 'user_blocked') return new Refused('One of the accounts is blocked.');
  if (status === 409) return new Refused('That login belongs to another account already.');
  if (status === 429) return new Refused('Too many requests. Try again in a minute.');
  if (errorCode === 'invalid_link_with') {
    return new Refused('The login to the other account has expired or was used before. Log in to it again.');
  }
  if (status >= 500) return new Refused('The service does not answer properly. Try again later.');
  const detail = typeof message === 'string' ? message.slice(0, 200) : `status ${status}`;
  return new Refused(`The request was refused: ${detail}`);
}

/** The Management API of `tenant`, with the access token of `userId`. */
export class OwnAccount {
  constructor(tenant, userId, token) {
    this.userId = userId;
    this.token = token;
    this.address = `${tenant}/api/v2/users/${encodeURIComponent(userId)}`;
  }

  async #request(method, path, body) {
    let response;
    try {
      response = await fetch(this.address + path, {
        method,
        headers: { authorization: `Bearer ${this.token}`, ...(body && { 'content-type': 'application/json' }) },
        body: body && JSON.stringify(body),
      });
    } catch (cause) {
      throw new Refused('The service cannot be reached. Check your connection, and try again.', { cause });
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw explain(response.status, answer);
    return answer;
  }

  /** The profile, with its identities and its metadata. */
  profile() {
    return this.#request('GET', '');
  }

  /** Writes first-level keys of `user_metadata`; `null` removes a key. */
  writeMetadata(user_metadata) {
    return this.#request('PATCH', '', { user_metadata });
  }

  /** Links the account that an ID token proves. */
  link(link_with) {
    return this.#request('POST', '/identities', { link_with });
  }

  unlink({ provider, user_id }) {
    return this.#request('DELETE', `/identities/${encodeURIComponent(provider)}/${encodeURIComponent(user_id)}`);
  }
}
