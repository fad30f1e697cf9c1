// The main pages of the console look as approved: see looks.mjs.
import { test } from 'node:test';

import { browsing, choose, http, logIn as logInByPassword } from './harness.mjs';
import { look } from './looks.mjs';

const visit = browsing({ applications: false });

/** The first screen: the rest of a page is lists. */
const first = (page, name) => look(page, `console-${name}`, { fullPage: false });

/** Logs a person in with Google, or Ada with her password. */
async function logIn(page, name) {
  await page.goto(`${http}/dev/log-in?client_id=pages`);
  if (name) {
    await page.getByRole('link', { name: 'Continue with Google' }).click();
    await choose(page, name);
  } else {
    await logInByPassword(page);
  }
  await page.getByRole('heading', { name: 'You are logged in', level: 1 }).waitFor();
}

async function opened(page, address, locate) {
  do await page.goto(address);
  while ((await locate(page).count()) === 0);
}

test('pages of the console', visit(async ({ page, visitor }) => {
  for (const name of [undefined, 'Ada Lovelace', 'Grace Hopper']) {
    const person = await visitor.browser().newContext();
    await logIn(await person.newPage(), name);
    await person.close();
  }
  await opened(page, `${http}/console/conflicts`, (it) => it.getByRole('article'));
  await first(page, 'conflicts');
  await opened(page, `${http}/console/decisions?kind=linked`, (it) => it.getByRole('cell', { name: 'linked' }));
  await page.getByRole('row').nth(1).getByRole('link').first().click();
  await page.getByRole('heading', { name: 'Decision about a login', level: 1 }).waitFor();
  await first(page, 'decision');
  await page.goto(`${http}/console`);
  await first(page, 'home');
  await page.goto(`${http}/console/live`);
  await page.getByRole('status').getByText('Waiting for decisions.').waitFor();
  await page.getByText('Trace').last().click();
  await first(page, 'live');
  await page.goto(`${http}/console/users/auth0%7Cada`);
  await first(page, 'user');
  await page.goto(`${http}/console/merge?keep=auth0%7Cmary&move=google-oauth2%7C3001`);
  await page.getByRole('heading', { name: 'What changes' }).waitFor();
  await look(page, 'console-merge');
}));
