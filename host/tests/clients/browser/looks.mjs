// Compares how pages look with approved screenshots: LIGATURE_UPDATE_LOOKS=1 approves them anew.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import pixelmatch from 'pixelmatch';
import { PNG } from 'pngjs';

import { isAccessible } from './axe.mjs';

// For a browser that is launched later.
process.env.FONTCONFIG_FILE = fileURLToPath(new URL('fonts.conf', import.meta.url));

/** The font with which the pictures were made. */
export const FONT = '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf';

const approved = join(process.env.LIGATURE_SOURCES, 'tests/clients/browser/looks');
const failed = join(process.cwd(), 'looks-that-differ');

const SIZES = { desktop: { width: 900, height: 600 }, phone: { width: 360, height: 640 } };
// Of the pixels that are no background. Another version of Chromium draws the edges of letters
// differently, which are 1 % of them; without a stylesheet, a third and more are elsewhere.
export const TOLERANCE = 0.1;

/** The most bytes of a page, without its images. */
const LARGEST = 30_000;

/** Finds nothing serious on a page, and that it is small. */
export async function isInOrder(page) {
  await isAccessible(page);
  const size = Buffer.byteLength(await page.content());
  assert.ok(size <= LARGEST, `${page.url()}: ${size} bytes`);
}

/** Compares a page, on both devices, in light and dark: all of it, or the part that is seen first. */
export async function look(page, name, { fullPage = true } = {}) {
  await page.waitForLoadState('load');
  await isInOrder(page);
  await settle(page);
  // A button under the pointer has another colour.
  await page.mouse.move(0, 0);
  const before = page.viewportSize();
  const different = [];
  for (const [device, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const shot = PNG.sync.read(await page.screenshot({ fullPage, animations: 'disabled' }));
      different.push(...compare(`${name}-${device}-${colorScheme}`, shot));
    }
  }
  await page.setViewportSize(before);
  assert.deepEqual(different, [], 'pages look otherwise: look at the files, and approve them with LIGATURE_UPDATE_LOOKS=1');
}

/** One text for whatever another run changes. */
async function settle(page) {
  await page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      texts.currentNode.data = texts.currentNode.data
        .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, '2026-01-01T12:00:00.000Z')
        .replace(/\b\d\d? [A-Z][a-z]{2} \d{4}, \d\d:\d\d/g, '1 Jan 2026, 12:00')
        .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, '2026-01-01 12:00:00 UTC')
        .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '00000000-0000-0000-0000-000000000000')
        .replace(/localhost:\d+/g, 'localhost:4480')
        .replace(/[\w-]{40,}/g, 'a-random-name')
        .replace(/\b\d{6}\b/g, '123456');
    }
  });
}

function compare(name, shot) {
  const file = join(approved, `${name}.png`);
  if (process.env.LIGATURE_UPDATE_LOOKS) {
    mkdirSync(approved, { recursive: true });
    writeFileSync(file, small(shot));
    return [];
  }
  const share = difference(PNG.sync.read(readFileSync(file)), shot);
  if (share <= TOLERANCE) return [];
  mkdirSync(failed, { recursive: true });
  const actual = join(failed, `${name}.png`);
  writeFileSync(actual, PNG.sync.write(shot));
  return [`${actual}: ${Math.round(share * 100)} % differs from ${file}`];
}

/** A file with eight shades of each colour: a third of the size, and the eye sees no difference. */
function small(picture) {
  for (let at = 0; at < picture.data.length; at += 1) {
    picture.data[at] = Math.round((Math.round((picture.data[at] * 7) / 255) * 255) / 7);
  }
  return PNG.sync.write(picture, { colorType: 2, filterType: 0, deflateLevel: 9, deflateStrategy: 0 });
}

/** The share of the pixels of two pictures that differ, among those that are not background. */
export function difference(one, other) {
  const [width, height] = [Math.max(one.width, other.width), Math.max(one.height, other.height)];
  const [a, b] = [padded(one, width, height), padded(other, width, height)];
  const different = pixelmatch(a.data, b.data, undefined, width, height, { threshold: 0.25 });
  let drawn = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    if (a.data.readUInt32BE(at) !== a.data.readUInt32BE(0) || b.data.readUInt32BE(at) !== b.data.readUInt32BE(0)) drawn += 1;
  }
  return different / Math.max(drawn, 1);
}

/** A picture in this size, on its own background. */
function padded(picture, width, height) {
  const data = Buffer.alloc(width * height * 4, picture.data.subarray(0, 4));
  const larger = Object.assign(new PNG({ width, height }), { data });
  PNG.bitblt(picture, larger, 0, 0, picture.width, picture.height, 0, 0);
  return larger;
}
