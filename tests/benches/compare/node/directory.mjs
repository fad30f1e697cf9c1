// The users in memory, behind the calls that the Rule makes. Texts cross the sandbox, as they do to and from a tenant.

export class Directory {
  #users = new Map();
  #byEmail = new Map();

  constructor(users) {
    for (const user of users) {
      this.#users.set(user.user_id, user);
      const email = user.email?.toLowerCase();
      this.#byEmail.set(email, [...(this.#byEmail.get(email) ?? []), user.user_id]);
    }
  }

  /** Returns the functions for a sandbox. */
  calls() {
    return {
      usersByEmail: (email) => this.#usersByEmail(email),
      updateUser: (userId, changes) => this.#update(userId, JSON.parse(changes)),
      linkAccounts: (userId, identity) => this.#link(userId, JSON.parse(identity)),
    };
  }

  /** Returns the primary of an identity. */
  ownerOf(userId) {
    const owner = [...this.#users.values()].find((user) =>
      user.identities.some((it) => `${it.provider}|${it.user_id}` === userId),
    );
    return owner?.user_id;
  }

  #usersByEmail(email) {
    const ids = this.#byEmail.get(email.toLowerCase()) ?? [];
    return JSON.stringify(ids.flatMap((id) => this.#users.get(id) ?? []));
  }

  #update(userId, changes) {
    this.#users.set(userId, { ...this.#find(userId), ...changes });
  }

  #link(userId, { provider, user_id: id }) {
    const [primary, secondary] = [this.#find(userId), this.#find(`${provider}|${id}`)];
    this.#users.delete(secondary.user_id);
    this.#users.set(userId, { ...primary, identities: [...primary.identities, ...secondary.identities] });
  }

  #find(userId) {
    const user = this.#users.get(userId);
    if (!user) throw new Error(`there is no user ${userId}`);
    return user;
  }
}
