// How auth0 5 and 7 say it: both are generated from the same description.
export const generated = (ManagementClient) => ({
  open(options, { patient = false } = {}) {
    const { users } = new ManagementClient({ ...options });
    // Left alone, they try a 429 twice more.
    const tries = patient ? {} : { maxRetries: 0 };
    const answer = async (call) => {
      const { data, rawResponse } = await call.withRawResponse();
      return { status: rawResponse.status, headers: rawResponse.headers, data };
    };
    return {
      get: (id) => answer(users.get(id, {}, tries)),
      byEmail: (email) => answer(users.listUsersByEmail({ email }, tries)),
      list: async (query) => {
        const page = await users.list(query, tries);
        return { status: page.rawResponse.status, headers: page.rawResponse.headers, data: page.data };
      },
      async *everyone(query) {
        const page = await users.list(query, tries);
        yield page.data;
        while (page.hasNextPage()) yield (await page.getNextPage()).data;
      },
      create: (user) => answer(users.create(user, tries)),
      update: (id, changes) => answer(users.update(id, changes, tries)),
      link: (id, other) => answer(users.identities.link(id, other, tries)),
      unlink: (id, provider, userId) => answer(users.identities.delete(id, provider, userId, tries)),
      remove: (id) => answer(users.delete(id, tries)),
    };
  },
  refusal: (error) => ({
    type: error.constructor.name,
    status: error.statusCode,
    headers: error.rawResponse?.headers,
    body: error.body ?? {},
  }),
  refusals: {
    400: 'BadRequestError',
    401: 'UnauthorizedError',
    403: 'ForbiddenError',
    404: 'NotFoundError',
    409: 'ConflictError',
    429: 'TooManyRequestsError',
  },
});
