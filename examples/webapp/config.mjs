// Where the example listens, its tenant, and its client.
import { randomBytes } from 'node:crypto';

const { PORT = '3000', TENANT = 'http://localhost:4480', CLIENT_ID = 'web', SESSION_SECRET } = process.env;

export const port = Number(PORT);
export const origin = `http://localhost:${port}`;
export const tenant = new URL(TENANT).origin;
export const clientId = CLIENT_ID;
// The secret of the client in ../tenant.toml, which is public. Set CLIENT_SECRET for any other tenant.
export const clientSecret = process.env.CLIENT_SECRET ?? 'the public secret of the example';
// Without SESSION_SECRET, a restart of the example ends its sessions.
export const sessionSecret = SESSION_SECRET ?? randomBytes(32).toString('hex');
