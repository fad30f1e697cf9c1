// The tenant's authority, trusted as its users trust it: without any flag.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { https, launch } from './harness.mjs';

async function visited(home) {
  const browser = await launch(home);
  try {
    const page = await browser.newPage();
    const response = await page.goto(`${https}/healthz`);
    const { protocol, subjectName, issuer } = await response.securityDetails();
    return { text: await response.text(), protocol, subjectName, issuer };
  } finally {
    await browser.close();
  }
}

test('who trusts the authority loads pages over https', async () => {
  const { text, protocol } = await visited();
  assert.deepEqual([text, protocol], ['ok\n', 'TLS 1.3']);
});

test('who does not trust the authority is warned', async () => {
  const home = mkdtempSync(join(tmpdir(), 'home-'));
  try {
    await assert.rejects(visited(home), /ERR_CERT_AUTHORITY_INVALID/);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
