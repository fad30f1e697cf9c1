// The operations that every client of the Management API must support, in sentences. How
// a client says it is its own file's matter: a `client` here is
//
//   open({ domain, clientId, clientSecret | token }, { patient })
//     -> { get, byEmail, list, everyone, create, update, link, unlink, remove }
//   refusal(error) -> { type, status, headers, body }     what it throws
//   refusals: { 400: 'BadRequestError', … }                and what those are called
//
// where each call resolves to { status, headers, data }, and `everyone` yields
// pages until the client itself says that there are no more.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { claims, database, domain, idToken, narrow, password, reader, someone, web } from './tenant.mjs';

const ids = (users) => users.map((user) => user.user_id).sort();
const names = (identities) => identities.map(({ provider, user_id }) => `${provider}|${user_id}`);

export function management(name, client) {
  const api = client.open({ domain, ...web });

  /** A user of the database, made for one test. */
  const somebody = async (more) => {
    const user = { connection: database, email: someone(), password, ...more };
    return (await api.create(user)).data;
  };
  const bare = (user) => user.user_id.slice('auth0|'.length);
  const byId = (user) => ({ provider: 'auth0', user_id: bare(user) });

  /** The call must be refused, with this status and these details. */
  const refused = async (call, status, expected = {}) => {
    const error = await call.then(
      (answer) => assert.fail(`${status} was expected: ${JSON.stringify(answer.data)}`),
      (error) => error,
    );
    const { type, status: got, headers, body } = client.refusal(error);
    assert.deepEqual([got, type], [status, client.refusals[status]], String(error));
    assert.equal(body.statusCode, status);
    for (const [key, value] of Object.entries(expected)) {
      if (value instanceof RegExp) assert.match(String(body[key]), value);
      else assert.equal(body[key], value);
    }
    return { headers, body };
  };

  describe(`${name}: users`, () => {
    test('a token is got with client credentials and used again', async () => {
      // Both calls through one client: the second uses the token that it has.
      const fresh = client.open({ domain, ...web });
      assert.equal((await fresh.get('auth0|ada')).status, 200);
      assert.equal((await fresh.get('auth0|ada')).data.email, 'ada@example.com');
    });

    test('a wrong secret gets no token', async () => {
      const stranger = client.open({ domain, clientId: 'web', clientSecret: 'another secret' });
      await assert.rejects(stranger.get('auth0|ada'), { statusCode: 401 });
    });

    test('a user is got by id, with the limits of the API in the headers', async () => {
      const { status, headers, data } = await api.get('auth0|ada');
      assert.equal(status, 200);
      assert.equal(data.user_id, 'auth0|ada');
      assert.deepEqual(data.user_metadata, { theme: 'dark' });
      assert.deepEqual(names(data.identities), ['auth0|ada']);
      assert.equal(data.identities[0].connection, database);
      assert.equal(data.identities[0].isSocial, false);
      assert.equal(data.password, undefined);
      for (const header of ['limit', 'remaining', 'reset']) {
        assert.match(headers.get(`x-ratelimit-${header}`) ?? '', /^\d+$/, header);
      }
    });

    test('users are found by address, verified or not', async () => {
      const { data } = await api.byEmail('ada@example.com');
      assert.deepEqual(ids(data), ['auth0|ada', 'google-oauth2|115014287643218005122', 'google-oauth2|666']);
      assert.deepEqual((await api.byEmail('nobody@example.com')).data, []);
      const { email, user_id } = await somebody();
      assert.deepEqual(ids((await api.byEmail(email)).data), [user_id], 'a + in an address stays one');
    });

    test('a search finds the verified accounts of an address but one', async () => {
      const q = 'email:"ada@example.com" AND email_verified:true -user_id:"auth0|ada"';
      assert.deepEqual(ids((await api.list({ q, search_engine: 'v3' })).data), [
        'google-oauth2|115014287643218005122',
      ]);
    });

    test('all users are listed, to the last page', async () => {
      const last = await somebody();
      const seen = [];
      for await (const page of api.everyone({ per_page: 2 })) {
        assert.ok(page.length <= 2, 'per_page is kept to');
        seen.push(...ids(page));
        assert.ok(seen.length < 1000, 'the pages end');
      }
      assert.equal(new Set(seen).size, seen.length, 'nobody is on two pages');
      for (const id of ['auth0|ada', 'auth0|grace', last.user_id]) assert.ok(seen.includes(id), id);
    });

    test('a user is created', async () => {
      const email = someone();
      const { status, data } = await api.create({
        connection: database,
        email,
        password,
        email_verified: true,
        app_metadata: { plan: 'pro' },
      });
      assert.equal(status, 201);
      assert.match(data.user_id, /^auth0\|\S+$/);
      assert.equal(data.email, email);
      assert.equal(data.email_verified, true);
      assert.equal(data.name, email, 'the name is the address where none is given');
      assert.deepEqual(data.app_metadata, { plan: 'pro' });
      assert.deepEqual(data.identities, [
        { connection: database, provider: 'auth0', user_id: bare(data), isSocial: false },
      ]);
      assert.deepEqual((await api.get(data.user_id)).data, data);
      assert.equal(claims(await idToken(email, web)).sub, data.user_id, 'and may log in');
    });

    test('metadata are merged at their first level, and null removes a key', async () => {
      const { user_id } = await somebody({
        user_metadata: { theme: 'dark', gone: 1, address: { city: 'London', zip: 'W1' } },
        app_metadata: { plan: 'pro' },
      });
      const user_metadata = { gone: null, address: { city: 'Paris' }, lang: 'fr' };
      const { status, data } = await api.update(user_id, { user_metadata });
      assert.equal(status, 200);
      assert.deepEqual(data.user_metadata, { theme: 'dark', address: { city: 'Paris' }, lang: 'fr' });
      assert.deepEqual(data.app_metadata, { plan: 'pro' });
      assert.deepEqual((await api.get(user_id)).data.user_metadata, data.user_metadata);
      const emptied = await api.update(user_id, { user_metadata: {}, nickname: 'Countess' });
      assert.deepEqual(emptied.data.user_metadata ?? {}, {}, 'an empty object removes them all');
      assert.equal(emptied.data.nickname, 'Countess');
    });

    test('a user is deleted, and once more', async () => {
      const { user_id } = await somebody();
      assert.equal((await api.remove(user_id)).status, 204);
      await refused(api.get(user_id), 404, { errorCode: 'inexistent_user' });
      assert.equal((await api.remove(user_id)).status, 204);
    });
  });

  describe(`${name}: identities`, () => {
    test('an account is linked by id, and its user goes', async () => {
      const { status, data } = await api.link('auth0|grace', { provider: 'google-oauth2', user_id: '1080' });
      assert.equal(status, 201);
      assert.deepEqual(names(data), ['auth0|grace', 'google-oauth2|1080'], "the primary's own is first");
      assert.equal(data[0].profileData.email, 'grace@example.com');
      assert.deepEqual(
        [data[1].connection, data[1].isSocial, data[1].profileData.name],
        ['google-oauth2', true, 'Grace Hopper'],
      );
      const primary = (await api.get('auth0|grace')).data;
      assert.deepEqual(primary.identities, data);
      assert.equal(primary.email, 'grace@example.com');
      assert.deepEqual(primary.user_metadata, { theme: 'light' }, "the secondary's metadata are gone");
      await refused(api.get('google-oauth2|1080'), 404, { errorCode: 'inexistent_user' });
    });

    test('an account is linked with its ID token, and logs in as the other', async () => {
      const [primary, secondary] = [await somebody(), await somebody()];
      const { status, data } = await api.link(primary.user_id, {
        link_with: await idToken(secondary.email, web),
      });
      assert.equal(status, 201);
      assert.deepEqual(names(data), [primary.user_id, secondary.user_id]);
      assert.equal(claims(await idToken(secondary.email, web)).sub, primary.user_id);
    });

    test("another client's ID token links nothing", async () => {
      const [primary, secondary] = [await somebody(), await somebody()];
      await refused(api.link(primary.user_id, { link_with: await idToken(secondary.email, reader) }), 400, {
        message: "JWT (link_with) must have an aud claim that matches that of the calling token's azp.",
      });
      await refused(api.link(primary.user_id, { link_with: 'no.such.token' }), 400, {
        message: 'Invalid token (link_with).',
      });
      assert.equal((await api.get(secondary.user_id)).status, 200);
    });

    test('what is linked is not linked again', async () => {
      const [primary, secondary] = [await somebody(), await somebody()];
      await api.link(primary.user_id, byId(secondary));
      await refused(api.link(primary.user_id, byId(secondary)), 409, {
        error: 'Conflict',
        message: 'Specified identity already exists.',
      });
    });

    test('what is unlinked is a user again, without metadata', async () => {
      const [primary, secondary] = [await somebody(), await somebody({ user_metadata: { lang: 'en' } })];
      await api.link(primary.user_id, byId(secondary));
      const { status, data } = await api.unlink(primary.user_id, 'auth0', bare(secondary));
      assert.equal(status, 200);
      assert.deepEqual(names(data), [primary.user_id]);
      const back = (await api.get(secondary.user_id)).data;
      assert.equal(back.email, secondary.email);
      assert.deepEqual(names(back.identities), [secondary.user_id]);
      assert.deepEqual(back.user_metadata ?? {}, {});
    });

    test('unlinking what is not linked changes nothing, and says so only by that', async () => {
      const [primary, secondary] = [await somebody(), await somebody()];
      await api.link(primary.user_id, byId(secondary));
      const { status, data } = await api.unlink(primary.user_id, 'google-oauth2', '404');
      assert.equal(status, 200);
      assert.deepEqual(names(data), [primary.user_id, secondary.user_id]);
    });
  });

  describe(`${name}: refusals`, () => {
    test('400: a user is not linked with itself, nor parted from itself', async () => {
      const user = await somebody();
      await refused(api.link(user.user_id, byId(user)), 400, {
        error: 'Bad Request',
        message: 'Main identity and the new one are the same.',
      });
      await refused(api.unlink(user.user_id, 'auth0', bare(user)), 400, {
        message: 'Main identity cannot be removed.',
      });
    });

    test('400: an id without a provider is none, and a provider must be set up', async () => {
      await refused(api.get('nobody'), 400, { errorCode: 'invalid_uri' });
      const { user_id } = await somebody();
      await refused(api.link(user_id, { provider: 'github', user_id: '1' }), 400, {
        errorCode: 'inexistent_connection',
      });
    });

    test('401: a bad token', async () => {
      const stranger = client.open({ domain, token: 'no.such.token' });
      await refused(stranger.get('auth0|ada'), 401, { error: 'Unauthorized', errorCode: undefined });
    });

    test('403: a scope that the client lacks', async () => {
      const readerApi = client.open({ domain, ...reader });
      assert.equal((await readerApi.get('auth0|ada')).status, 200);
      await refused(readerApi.update('auth0|ada', { name: 'Mallory' }), 403, {
        error: 'Forbidden',
        message: /^Insufficient scope/,
        errorCode: 'insufficient_scope',
      });
    });

    test('404: a user that is not there', async () => {
      for (const call of [api.get('auth0|nobody'), api.update('auth0|nobody', { name: 'N' })]) {
        await refused(call, 404, {
          error: 'Not Found',
          message: 'The user does not exist.',
          errorCode: 'inexistent_user',
        });
      }
    });

    test('409: an address that somebody else has', async () => {
      const { email } = await somebody();
      await refused(api.create({ connection: database, email, password }), 409, { error: 'Conflict' });
    });

    test('429: too many requests, and when to come back', async () => {
      const hasty = client.open({ domain: narrow, ...web });
      const answers = await Promise.allSettled([1, 2, 3].map(() => hasty.get('auth0|ada')));
      assert.ok(answers.some(({ status }) => status === 'fulfilled'), 'one request is allowed');
      const { reason } = answers.find(({ status }) => status === 'rejected');
      const { headers } = await refused(Promise.reject(reason), 429, {
        error: 'Too Many Requests',
        message: 'Global limit has been reached',
        errorCode: 'too_many_requests',
      });
      assert.equal(headers.get('x-ratelimit-remaining'), '0');
      const wait = Number(headers.get('x-ratelimit-reset')) - Date.now() / 1000;
      assert.ok(wait > -1 && wait < 3, `the reset is near: in ${wait} s`);
    });

    test('429: a client that comes back gets its answer', async () => {
      const patient = client.open({ domain: narrow, ...web }, { patient: true });
      const began = Date.now();
      for (let turn = 0; turn < 2; turn++) assert.equal((await patient.get('auth0|ada')).status, 200);
      assert.ok(Date.now() - began < 8_000, 'soon');
    });
  });
}
