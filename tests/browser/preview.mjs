// Opens a running preview in headless Chromium, walks every image down to its last pixel, and fails
// on any failed request, missing tile or error message.
//
//   node preview.mjs http://localhost:3000/ [--screenshot out.png] [--every-tile]
//
// `--screenshot out.png` also writes out-dark.png and out-phone.png. `--every-tile` goes on to each
// tile of the deepest level that the center and the corners left out. CHROMIUM is the path of the browser.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DESKTOP, PHONE, launchWithProfile, watch } from './browser.mjs';
import { imagesOf, openPage, settled } from './page.mjs';

const WAIT_MS = 20_000;
// Fractions of the image's width and height. The corners are the last pixels, where rounding goes wrong.
const FULL_RESOLUTION_STOPS = {
  center: [0.5, 0.5], 'top left': [0, 0], 'top right': [1, 0], 'bottom left': [0, 1], 'bottom right': [1, 1],
};
const STOPS_PER_IMAGE = Object.keys(FULL_RESOLUTION_STOPS).length + 2; // and the home view, wide and on a phone
const OPTIONS = { screenshot: { type: 'string' }, 'every-tile': { type: 'boolean' } };

/** Moves to image zoom 1 over one point; returns the zoom reached and the URL of the deepest tile there. */
function moveTo(page, fractions) {
  return page.evaluate(([across, down]) => {
    const { viewport, world } = window.iiifViewer.viewers[0].osd;
    const item = world.getItemAt(0);
    const { x: width, y: height } = item.getContentSize();
    viewport.zoomTo(item.imageToViewportZoom(1), null, true);
    viewport.panTo(item.imageToViewportCoordinates(across * width, down * height), true);
    // Half a pixel inside, so that the far edges belong to the last tile.
    const point = new window.OpenSeadragon.Point(
      Math.min(Math.max(across * width, 0.5), width - 0.5) / width,
      Math.min(Math.max(down * height, 0.5), height - 0.5) / width,
    );
    const { source } = item;
    const { x, y } = source.getTileAtPoint(source.maxLevel, point);
    return { zoom: item.viewportToImageZoom(viewport.getZoom()), tile: source.getTileUrl(source.maxLevel, x, y) };
  }, fractions);
}

/** Every tile of the deepest level: its URL as the viewer builds it, and its middle in fractions of the image. */
function deepestTiles(page) {
  return page.evaluate(() => {
    const { source } = window.iiifViewer.viewers[0].osd.world.getItemAt(0);
    const level = source.maxLevel;
    const { x: columns, y: rows } = source.getNumTiles(level);
    return Array.from({ length: columns * rows }, (_, n) => {
      const [x, y] = [n % columns, Math.floor(n / columns)];
      const middle = source.getTileBounds(level, x, y).getCenter();
      return { url: source.getTileUrl(level, x, y), fractions: [middle.x, middle.y * source.aspectRatio] };
    });
  });
}

/** Scale factor 1 means as many pixels out as in; read from the URL, not taken from the viewer. */
function isScaleFactorOne(url, image) {
  const [region, size] = url.split('/').slice(-4);
  const [wide, high] = region === 'full' ? [image.width, image.height] : region.split(',').slice(2).map(Number);
  if (size === 'max' || size === 'full') return true;
  const [width, height] = size.split(',').map(Number);
  return width === wide && (!height || height === high);
}

/** Runs one stop; a stop that fails is a line in the report, and the walk goes on. */
async function stop(result, name, visit) {
  try {
    await visit();
    result.stops += 1;
  } catch (error) {
    result.problems.push(`${result.id}, ${name}: ${error.message.split('\n')[0]}`);
  }
}

function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}

async function goHome(page) {
  await page.evaluate(() => window.iiifViewer.viewers[0].osd.viewport.goHome(true));
  await settled(page);
}

async function visitFullResolution(page, seen, fractions) {
  const { zoom, tile } = await moveTo(page, fractions);
  await settled(page);
  expect(Math.abs(zoom - 1) < 0.001, `the image zoom is ${zoom}, not 1`);
  expect(seen.loaded.has(tile), `${tile} was not loaded`);
}

async function visitPhone(page) {
  await page.setViewportSize(PHONE);
  await goHome(page);
  const spill = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(spill <= 0, `the page is ${spill} px wider than the screen`);
}

/** Chooses an image in the gallery strip, as a visitor would. */
async function choose(page, index) {
  const opened = page.evaluate((timeout) => new Promise((resolve, reject) => {
    window.iiifViewer.viewers[0].osd.addOnceHandler('open', () => resolve());
    window.iiifViewer.viewers[0].osd.addOnceHandler('open-failed', () => reject(new Error('info.json could not be opened')));
    setTimeout(() => reject(new Error('the image did not open')), timeout);
  }), WAIT_MS);
  await Promise.all([opened, page.locator('.iv-strip button').nth(index).click()]);
}

async function visitTheRest(page, seen, result, tiles) {
  await page.setViewportSize(DESKTOP);
  for (const { url, fractions } of tiles) {
    if (seen.loaded.has(url)) continue;
    result.expected += 1;
    await stop(result, 'every tile', () => visitFullResolution(page, seen, fractions));
  }
}

async function walk(page, seen, image, index, everyTile) {
  const result = { id: image.id, stops: 0, expected: STOPS_PER_IMAGE, deepest: 0, of: 0, problems: [] };
  try {
    await page.setViewportSize(DESKTOP);
    if (index > 0) await choose(page, index);
    await settled(page);
  } catch (error) {
    result.problems.push(`${image.id}: ${error.message.split('\n')[0]}`);
    return result;
  }
  await stop(result, 'home view', () => goHome(page));
  for (const [name, fractions] of Object.entries(FULL_RESOLUTION_STOPS)) {
    await stop(result, name, () => visitFullResolution(page, seen, fractions));
  }
  await stop(result, 'phone', () => visitPhone(page));
  const tiles = await deepestTiles(page);
  if (everyTile) await visitTheRest(page, seen, result, tiles);
  result.of = tiles.length;
  result.deepest = tiles.filter(({ url }) => seen.loaded.has(url) && isScaleFactorOne(url, image)).length;
  if (result.deepest === 0) result.problems.push(`${image.id}: no tile of scale factor 1 was loaded`);
  return result;
}

async function takeScreenshots(page, path) {
  const beside = (word) => path.replace(/(\.\w+)?$/, `-${word}$1`);
  await page.screenshot({ path });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: beside('dark') });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(PHONE);
  await settled(page);
  await page.screenshot({ path: beside('phone') });
  await page.setViewportSize(DESKTOP);
}

function report(seen, results) {
  const rows = [['requests', seen.requests], ['failed', seen.failed.length], ['console errors', seen.errors.length]];
  for (const { id, stops, expected, deepest, of } of results) {
    rows.push([id, `${stops} of ${expected} stops, ${deepest} of ${of} tiles of the deepest level`]);
  }
  const wide = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) console.log(`${name.padEnd(wide)}  ${value}`);
}

async function check(page, url, { screenshot, everyTile }) {
  const seen = watch(page, [url.origin]);
  await openPage(page, url.href);
  const images = await imagesOf(page);
  const results = [];
  if (screenshot && images.length) {
    await settled(page).then(() => takeScreenshots(page, screenshot)).catch((error) => seen.errors.push(error.message));
  }
  for (const [index, image] of images.entries()) results.push(await walk(page, seen, image, index, everyTile));
  report(seen, results);
  const problems = [...seen.failed, ...seen.errors, ...results.flatMap((result) => result.problems)];
  if (results.length === 0) problems.push('the preview lists no image');
  for (const problem of problems) console.error(`not right: ${problem}`);
  return problems.length === 0;
}

async function main() {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: OPTIONS });
  const url = new URL(positionals[0] ?? 'http://localhost:3000/');
  const profile = await mkdtemp(join(tmpdir(), 'preview-'));
  const browser = await launchWithProfile(profile);
  try {
    return await check(browser.pages()[0], url, { screenshot: values.screenshot, everyTile: values['every-tile'] });
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
}

process.exitCode = await main().then(
  (right) => (right ? 0 : 1),
  (error) => { console.error(`not right: ${error.message.split('\n')[0]}`); return 1; },
);
