// auth0-deploy-cli reads the whole tenant, and writes what it has.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import yaml from 'js-yaml';
import { database, domain } from './tenant.mjs';

const folder = mkdtempSync(join(tmpdir(), 'ligature-'));
let said, exported;

before(() => {
  const command = ['node_modules/auth0-deploy-cli/lib/index.js', 'export', '--format=yaml', `--output_folder=${folder}`];
  const env = { ...process.env, AUTH0_DOMAIN: domain, AUTH0_CLIENT_ID: 'deployer', AUTH0_CLIENT_SECRET: 'the secret of the deployer' };
  const ran = spawnSync(process.execPath, command, { env, encoding: 'utf8', timeout: 120_000 });
  said = `${ran.stdout}${ran.stderr}`;
  assert.equal(ran.status, 0, said);
  exported = yaml.load(readFileSync(join(folder, 'tenant.yaml'), 'utf8'));
});

after(() => rmSync(folder, { recursive: true }));

test('it comes to its end', () => {
  assert.match(said, /Export Successful/);
  // Whatever it was not given would be missing in silence.
  assert.doesNotMatch(said, /[Ii]nsufficient scope/);
});

test('what it writes is what the tenant has', () => {
  const names = (list) => list.map((it) => it.name).sort();
  const clients = ['A client that deploys', 'A client that may only read', 'A client that operates', 'A web application'];
  assert.deepEqual(names(exported.clients), clients);
  const web = exported.clients.find((it) => it.name === 'A web application');
  assert.equal(web.app_type, 'regular_web');
  assert.equal(web.callbacks.length, 2);
  assert.deepEqual(names(exported.databases), [database]);
  assert.deepEqual(names(exported.connections), ['email', 'google-oauth2']);
  assert.deepEqual(exported.databases[0].enabled_clients.sort(), clients);
  assert.deepEqual(exported.roles, [{ name: 'editor', description: 'Who edits', permissions: [] }]);
  assert.deepEqual(exported.resourceServers, [
    { name: 'https://api.example.com/', is_system: false, identifier: 'https://api.example.com/', scopes: [{ value: 'read:orders' }], signing_alg: 'RS256', token_lifetime: 86400 },
  ]);
  const grant = exported.clientGrants.find((it) => it.client_id === 'A client that may only read' && it.audience.endsWith('/api/v2/'));
  assert.deepEqual(grant.scope, ['read:users']);
  assert.equal(exported.tenant.friendly_name, 'clients');
  assert.equal(exported.attackProtection.bruteForceProtection.max_attempts, 10);
});

test('of what the tenant does not have it writes nothing', () => {
  const none = ['actions', 'customDomains', 'emailTemplates', 'eventStreams', 'flows', 'forms', 'guardianFactors', 'hooks',
    'logStreams', 'organizations', 'pages', 'phoneProviders', 'rules', 'rulesConfigs', 'selfServiceProfiles', 'themes'];
  for (const kind of none) assert.deepEqual(exported[kind], [], kind);
  for (const kind of ['emailProvider', 'triggers']) assert.deepEqual(exported[kind], {}, kind);
});

test('no secret is in it', () => {
  for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const text = readFileSync(join(file.parentPath ?? file.path, file.name), 'utf8');
    assert.doesNotMatch(text, /the secret of|client_secret:|password:|correct horse/, file.name);
  }
});
