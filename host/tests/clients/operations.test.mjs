// The requests of auth0 7 and 4 for Node besides users and links.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ManagementClient } from 'auth0';
import { ManagementClient as Former } from 'auth0-v4';

import { app, database, domain, https, password, someone } from './tenant.mjs';

const operator = { domain, clientId: 'operator', clientSecret: 'the secret of the operator' };
const api = new ManagementClient(operator);
const former = new Former(operator);

const collected = async (pages) => {
  const all = [];
  for await (const item of await pages) all.push(item);
  return all;
};
const somebody = (more) => api.users.create({ connection: database, email: someone(), password, ...more });
const databaseId = async () => (await collected(api.connections.list({ name: [database] })))[0].id;

/** A job once it is done. */
async function ended(id) {
  for (let n = 0; n < 600; n += 1) {
    const job = await api.jobs.get(id);
    if (job.status !== 'pending') return job;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${id} does not end`);
}

test('roles are made, given, listed and taken', async () => {
  const role = await api.roles.create({ name: someone(), description: 'Who tests' });
  const user = await somebody();
  await api.users.roles.assign(user.user_id, { roles: [role.id] });
  assert.deepEqual(await collected(api.users.roles.list(user.user_id)), [role]);
  assert.deepEqual((await former.users.getRoles({ id: user.user_id })).data, [role]);
  assert.deepEqual((await collected(api.roles.users.list(role.id, { take: 10 }))).map((it) => it.user_id), [user.user_id]);
  assert.ok((await collected(api.roles.list())).some((it) => it.id === role.id));
  await api.users.roles.delete(user.user_id, { roles: [role.id] });
  assert.deepEqual(await collected(api.users.roles.list(user.user_id)), []);
  await api.roles.delete(role.id);
  await assert.rejects(api.roles.get(role.id), { statusCode: 404 });
});

test('a ticket leads to the page that it is for', async () => {
  const user = await somebody({ verify_email: false });
  const { ticket } = await api.tickets.verifyEmail({ user_id: user.user_id, result_url: `${app}/verified` });
  assert.ok(ticket.startsWith(`${https}/u/email-verification?ticket=`), ticket);
  const name = new URL(ticket).searchParams.get('ticket');
  const body = new URLSearchParams({ ticket: name });
  const done = await fetch(`${https}/u/email-verification`, { method: 'POST', body, redirect: 'manual' });
  assert.equal(new URL(done.headers.get('location')).origin, app);
  assert.equal((await api.users.get(user.user_id)).email_verified, true);
  const reset = await former.tickets.changePassword({ user_id: user.user_id, ttl_sec: 60 });
  assert.equal((await fetch(reset.data.ticket)).status, 200);
  await assert.rejects(api.tickets.changePassword({ user_id: user.user_id, result_url: 'https://evil.example/' }), { statusCode: 400 });
});

test('users are imported, and what was wrong is told', async () => {
  const email = someone();
  const users = [{ email, name: 'Imported' }, { email: 'no address' }];
  const file = () => new Blob([JSON.stringify(users)], { type: 'application/json' });
  const connection_id = await databaseId();
  const job = await api.jobs.usersImports.create({ users: file(), connection_id, upsert: false, external_id: 'first' });
  const done = await ended(job.id);
  assert.deepEqual(done.summary, { total: 2, inserted: 1, updated: 0, failed: 1 });
  const [error] = await api.jobs.errors.get(job.id);
  assert.equal(error.user.email, 'no address');
  assert.equal((await api.users.listUsersByEmail({ email }))[0].name, 'Imported');
  const again = await former.jobs.importUsers({ users: file(), connection_id, upsert: 'true' });
  await ended(again.data.id);
  assert.deepEqual((await former.jobs.get({ id: again.data.id })).data.summary, { total: 2, inserted: 0, updated: 1, failed: 1 });
});

test('users are exported into a file', async () => {
  const job = await api.jobs.usersExports.create({ format: 'csv', fields: [{ name: 'email' }], connection_id: await databaseId() });
  const { location, status } = await api.jobs.get(job.id);
  assert.equal(status, 'completed');
  const file = gunzipSync(Buffer.from(await (await fetch(location)).arrayBuffer())).toString();
  assert.ok(file.startsWith('"email"\r\n') && file.includes('"ada@example.com"\r\n'), file);
});

test('a mail is sent again', async () => {
  const user = await somebody({ verify_email: false });
  const job = await api.jobs.verificationEmail.create({ user_id: user.user_id });
  assert.equal((await api.jobs.get(job.id)).status, 'completed');
  const outbox = await (await fetch(`${https}/dev/outbox`, { headers: { accept: 'application/json' } })).json();
  assert.ok(outbox.some((it) => it.to === user.email && it.kind === 'verify'));
});

test('connections are made, changed and removed', async () => {
  const name = `made-${Date.now()}`;
  const made = await api.connections.create({ name, strategy: 'auth0', options: { disable_signup: true }, enabled_clients: ['web'] });
  assert.equal((await api.connections.get(made.id)).name, name);
  const changed = await api.connections.update(made.id, { options: { disable_signup: false } });
  assert.equal(changed.options.disable_signup, false);
  assert.equal((await api.users.create({ connection: name, email: someone(), password })).identities[0].connection, name);
  await api.connections.clients.update(made.id, [{ client_id: 'web', status: true }]);
  const clients = (await api.connections.clients.get(made.id, { take: 50 })).data;
  assert.ok(clients.some((it) => it.client_id === 'web'));
  await api.connections.delete(made.id);
  await assert.rejects(api.connections.get(made.id), { statusCode: 404 });
});

test('clients and events are read', async () => {
  const clients = await collected(api.clients.list());
  assert.ok(clients.some((it) => it.client_id === 'web') && clients.every((it) => it.client_secret === undefined));
  assert.equal((await former.clients.get({ client_id: 'web' })).data.name, 'A web application');
  const user = await somebody();
  await api.users.update(user.user_id, { user_metadata: { a: 1 } });
  const events = await collected(api.logs.list({ q: 'type:sapi', per_page: 10 }));
  assert.ok(events.some((it) => it.details.request.path.endsWith(encodeURIComponent(user.user_id))), JSON.stringify(events[0]));
  assert.deepEqual((await former.users.getLogs({ id: user.user_id })).data, []);
});
