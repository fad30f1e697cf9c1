// Checks accessibility by axe, by width, and by contrast in both colour schemes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const script = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Finds nothing serious on a page, in light and dark, and no scrolling to the side on a telephone. */
export async function isAccessible(page) {
  // A heading is there before its stylesheet.
  await page.waitForLoadState('load');
  await page.evaluate(script);
  // Dark differs by colours alone.
  for (const [colorScheme, options] of [['light', {}], ['dark', { runOnly: ['color-contrast'] }]]) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate((options) => window.axe.run({ exclude: ['.auth0-lock'] }, options), options);
    const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
    assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`), [], colorScheme);
  }
  await fitsTelephone(page);
}

/** Finds no scrolling to the side on a telephone. This needs no script on the page. */
export async function fitsTelephone(page) {
  const before = page.viewportSize();
  for (const width of [320, 375]) {
    await page.setViewportSize({ width, height: 640 });
    const needed = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(needed <= width, `${page.url()}: ${needed} of ${width} px`);
  }
  await page.setViewportSize(before);
}
