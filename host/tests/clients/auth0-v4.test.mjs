import { ManagementClient } from 'auth0-v4';

import { management } from './management.mjs';

const type = 'ManagementApiError';

management('auth0 4', {
  open(options, { patient = false } = {}) {
    // Left alone, it tries a 429 three times more, whatever the headers say.
    const { users, usersByEmail } = new ManagementClient({ ...options, retry: { enabled: patient } });
    return {
      get: (id) => users.get({ id }),
      byEmail: (email) => usersByEmail.getByEmail({ email }),
      list: (query) => users.getAll(query),
      async *everyone({ per_page }) {
        // It has no pager: this is the loop that its users write.
        for (let page = 0, more = true; more; page++) {
          const { data } = await users.getAll({ page, per_page, include_totals: true });
          yield data.users;
          more = data.start + data.length < data.total;
        }
      },
      create: (user) => users.create(user),
      update: (id, changes) => users.update({ id }, changes),
      link: (id, other) => users.link({ id }, other),
      unlink: (id, provider, user_id) => users.unlink({ id, provider, user_id }),
      remove: (id) => users.delete({ id }),
    };
  },
  refusal: (error) => ({
    type: error.name,
    status: error.statusCode,
    headers: error.headers,
    body: JSON.parse(error.body ?? '{}'),
  }),
  refusals: { 400: type, 401: type, 403: type, 404: type, 409: type, 429: type },
});
