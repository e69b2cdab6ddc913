// Opens published images in the viewers that institutions use, in headless Chromium, and fails on any failed request, error message or
// wrong pixel. The pages have another origin than the images, so that CORS matters.
//
//   node viewers.mjs --packages FOLDER --images URL [--viewer NAME]... [--picture NAME]... [--version 3|2]...
//     [--screenshots FOLDER]
//
// For each of the versions 3 and 2 of the Image API, images stand under `URL/v3/{picture}` and `URL/v2/{picture}`, and their manifests
// under `URL/v3/manifests/{picture}.json`; `book` is the manifest of all pictures as its pages. FOLDER has the packages of viewers.json.
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { DESKTOP, PHONE, launch, watch } from './browser.mjs';
import { CENTER, CORNERS, DRIVERS } from './drivers.mjs';
import { BOOK, PICTURES, color } from './pictures.mjs';

const WAIT_MS = 20_000;
const AT_ONCE = 3; // pages, which wait more than they work
const SCROLLS = 8; // of a strip, from its beginning to its end
const QUIET_MS = 400; // without a request, after which a viewer has all it wants
const TURNS = 14; // of the wheel, or clicks, after which no viewer zooms in any further
/** The default of the program, in pixels. */
const TILE = 512;
/** The longest side of a whole picture that is stored, in pixels. */
const LARGEST_WHOLE = 4096;
/** Of 256 levels: JPEG of these pictures is nearer, a picture shown one pixel off is not. */
const MOST_DIFFERENCE = 3;

const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml' };

/** Serves the pages `/show/{viewer}?{url}` and the packages. */
async function servePages(packages) {
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url, 'http://localhost');
    const [, kind, ...rest] = decodeURIComponent(pathname).split('/');
    if (kind === 'show') {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(DRIVERS[rest[0]].page(decodeURIComponent(search.slice(1))));
      return;
    }
    const path = normalize(join(packages, ...rest));
    response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
    createReadStream(path).on('error', () => { response.statusCode = 404; response.end(); }).pipe(response);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return server;
}

/** Resolves when there were no requests for a while. */
async function quiet(page, seen) {
  const until = Date.now() + WAIT_MS;
  do {
    await page.waitForTimeout(QUIET_MS / 4);
    if (seen.inFlight === 0 && Date.now() - seen.lastChange > QUIET_MS) return;
  } while (Date.now() < until);
  throw new Error('requests went on and on');
}

/**
 * Resolves when a place is visible and no more requests are in flight; a slow viewer may not have sent them yet. A place that never
 * appears is reported at the end, and later places get less time.
 */
async function arrived(page, seen, isSeen) {
  const until = Date.now() + (seen.isMissing ? 0 : WAIT_MS / 4);
  do await quiet(page, seen); while (!isSeen() && Date.now() < until);
  seen.isMissing ||= !isSeen();
}

/** The pixels that were loaded at scale factor 1, as regions: x, y, width, height; read from the URLs, not taken from the viewer. */
function deepest(seen, base, [width, height]) {
  const regions = [];
  for (const url of seen.loaded) {
    if (!url.startsWith(`${base}/`) || !url.endsWith('.jpg')) continue;
    const [region, size] = decodeURIComponent(url.slice(base.length + 1)).split('/');
    const [x, y, w, h] = region === 'full' ? [0, 0, width, height] : region.split(',').map(Number);
    const longest = Math.max(w, h);
    const isWhole = (size === 'max' || size === 'full') && longest <= LARGEST_WHOLE;
    const [wide, high] = size.split(',').map(Number);
    // One pixel stays one at every scale. Then the height decides, or the fact that a full-size tile is not higher.
    const isFull = wide === w && (high ? high === h : w > 1 || longest <= TILE);
    if (isWhole || isFull) regions.push([x, y, w, h]);
  }
  return regions;
}

const covers = ([x, y, w, h], [px, py]) => px >= x && px < x + w && py >= y && py < y + h;

const pixelAt = ([across, down], [width, height]) => [Math.round(across * (width - 1)), Math.round(down * (height - 1))];

/** Returns the average difference between the pixels on the screen and those of the source, at scale 1. */
async function difference(page, judge, driver, size) {
  const [x, y] = pixelAt(CENTER, size);
  const near = Array.from({ length: 49 }, (_, n) => [x + ((n % 7) - 3) * 29, y + (Math.floor(n / 7) - 3) * 29]);
  const points = near.filter(([px, py]) => px >= 0 && py >= 0 && px < size[0] && py < size[1]);
  const places = [];
  for (const point of points) places.push(await page.evaluate(driver.place, [point[0] + 0.5, point[1] + 0.5]));
  const screenshot = (await page.screenshot()).toString('base64');
  const shown = await judge.evaluate(async ([png, at]) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    // With the neighbors of each: viewers round places to whole pixels.
    return at.map(([left, top]) => {
      const { data } = context.getImageData(Math.floor(left) - 1, Math.floor(top) - 1, 3, 3);
      return Array.from({ length: 9 }, (_, n) => [...data.slice(n * 4, n * 4 + 3)]);
    });
  }, [screenshot, places]);
  const between = (one, other) => one.reduce((sum, value, channel) => sum + Math.abs(value - other[channel]), 0) / 3;
  const differences = shown.map((pixels, n) => Math.min(...pixels.map((pixel) => between(pixel, color(...points[n])))));
  return differences.reduce((sum, value) => sum + value, 0) / differences.length;
}

/** Moves to each corner by its handle. */
async function walk(page, seen, driver, isSeen) {
  for (const fractions of [CENTER, ...CORNERS]) {
    await page.evaluate(driver.moveTo, fractions);
    await arrived(page, seen, () => isSeen(fractions));
  }
}

/** Moves to each corner as people do: zooms in with the wheel or a button, then drags. */
async function pull(page, seen, driver, isSeen, [width, height]) {
  const box = await page.locator(driver.surface).first().boundingBox();
  const at = (across, down) => page.mouse.move(box.x + box.width * across, box.y + box.height * down, { steps: 3 });
  await at(...CENTER);
  for (let turn = 0; turn < TURNS; turn += 1) {
    if (driver.zoomIn) await page.locator(driver.zoomIn).first().click();
    else await page.mouse.wheel(0, -300);
    await page.waitForTimeout(60);
  }
  await quiet(page, seen);
  // At the deepest zoom, a pixel of the image is at most two on the screen.
  const pulls = Math.ceil((6 * Math.max(width / box.width, height / box.height)) + 1);
  for (const [across, down] of CORNERS) {
    for (let count = 0; count < pulls; count += 1) {
      await at(0.3 + 0.4 * across, 0.3 + 0.4 * down);
      await page.mouse.down();
      await at(0.7 - 0.4 * across, 0.7 - 0.4 * down);
      await page.mouse.up();
    }
    await arrived(page, seen, () => isSeen([across, down]));
  }
}

/** Returns true if each page of the book was requested in some size: as a thumbnail, unless it is the current page. */
function missingPages(seen, images, version) {
  const isLoaded = (name) => [...seen.loaded].some((url) => url.startsWith(`${images}/v${version}/pages/${name}/full/`));
  return Object.keys(PICTURES).filter((name) => !isLoaded(name));
}

/** Scrolls everything that can be scrolled: strips load thumbnails when they become visible. */
function scrollStrips(fraction) {
  for (const element of document.querySelectorAll('#viewer *')) {
    element.scrollTo(fraction * (element.scrollWidth - element.clientWidth), fraction * (element.scrollHeight - element.clientHeight));
  }
}

/** Opens the manifest of several pages, and the page selector of the viewer; then the same on a phone. */
async function showBook(browser, { viewer, version, images, pages, screenshots }) {
  const driver = DRIVERS[viewer];
  const url = `${images}/v${version}/manifests/${BOOK}.json`;
  const { context, page, seen } = await opened(browser, { pages, images });
  const problems = [];
  try {
    await page.goto(`${pages}/show/${encodeURIComponent(viewer)}?${encodeURIComponent(url)}`, { waitUntil: 'load' });
    await page.waitForFunction(driver.isReady, driver.surface, { timeout: WAIT_MS });
    await quiet(page, seen);
    for (let part = 0; part <= SCROLLS; part += 1) {
      await page.evaluate(scrollStrips, part / SCROLLS);
      await quiet(page, seen);
    }
    await arrived(page, seen, () => missingPages(seen, images, version).length === 0);
    if (screenshots) await page.screenshot({ path: join(screenshots, `${viewer}-v${version}-${BOOK}.png`.replaceAll(' ', '-')) });
    await page.setViewportSize(PHONE);
    await quiet(page, seen);
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
  }
  for (const name of missingPages(seen, images, version)) problems.push(`the thumbnail of the page \`${name}\` was not loaded`);
  await context.close();
  return { viewer, version, picture: BOOK, requests: seen.requests, ...counted(driver, seen), off: null, problems };
}

async function opened(browser, { pages, images }) {
  const context = await browser.newContext({ viewport: DESKTOP });
  const page = await context.newPage();
  return { context, page, seen: watch(page, [pages, new URL(images).origin]) };
}

/** Returns failures and console messages, except those that the viewer itself causes. */
function counted(driver, seen) {
  const own = (message) => (driver.own ?? []).some((pattern) => pattern.test(message));
  const [failed, errors] = [seen.failed, seen.errors].map((messages) => messages.filter((message) => !own(message)));
  return { failed, errors };
}

async function show(browser, judge, { viewer, version, picture, images, pages, screenshots }) {
  const driver = DRIVERS[viewer];
  const size = PICTURES[picture];
  const base = `${images}/v${version}/${picture}`;
  const url = driver.shows === 'manifest' ? `${images}/v${version}/manifests/${picture}.json` : `${base}/info.json`;
  const { context, page, seen } = await opened(browser, { pages, images });
  const problems = [];
  const isSeen = (fractions) => deepest(seen, base, size).some((region) => covers(region, pixelAt(fractions, size)));
  let off = null;
  try {
    await page.goto(`${pages}/show/${encodeURIComponent(viewer)}?${encodeURIComponent(url)}`, { waitUntil: 'load' });
    await page.waitForFunction(driver.isReady, driver.surface, { timeout: WAIT_MS });
    await quiet(page, seen);
    if (screenshots) await page.screenshot({ path: join(screenshots, `${viewer}-v${version}-${picture}.png`.replaceAll(' ', '-')) });
    if (driver.moveTo) await walk(page, seen, driver, isSeen);
    else await pull(page, seen, driver, isSeen, size);
    if (driver.place) {
      await page.evaluate(driver.moveTo, CENTER);
      await arrived(page, seen, () => isSeen(CENTER));
      off = await difference(page, judge, driver, size);
      if (!(off <= MOST_DIFFERENCE)) problems.push(`pixels on the screen are ${off.toFixed(1)} off`);
    }
    await page.setViewportSize(PHONE);
    await quiet(page, seen);
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
  }
  const corners = CORNERS.filter(isSeen).length;
  if (corners < CORNERS.length) problems.push(`only ${corners} of 4 corners were loaded at scale factor 1`);
  await context.close();
  return { viewer, version, picture, requests: seen.requests, ...counted(driver, seen), off, problems };
}

/** Expects the failure of a picture that the viewer is known not to show: one that it shows by now is the problem. */
function expectKnown(result) {
  const { viewer, version, picture, problems } = result;
  if (!DRIVERS[viewer].cannotShow?.[version]?.includes(picture)) return result;
  const expected = { ...result, off: null, isKnown: problems.length > 0, problems: [] };
  if (!expected.isKnown) expected.problems = ['it is shown, although `cannotShow` says that it is not'];
  return expected;
}

function report(results) {
  const rows = new Map();
  for (const { viewer, version, picture } of results.filter(({ isKnown }) => isKnown)) {
    console.error(`known: ${viewer}, ${version}, ${picture} is not shown`);
  }
  for (const result of results.filter(({ isKnown }) => !isKnown)) {
    const name = `${result.viewer}, Image API ${result.version}`;
    const row = rows.get(name) ?? { pictures: 0, requests: 0, failed: 0, errors: 0, problems: 0, off: 0 };
    row.pictures += 1;
    row.requests += result.requests;
    row.failed += result.failed.length;
    row.errors += result.errors.length;
    row.problems += result.problems.length;
    row.off = Math.max(row.off, result.off ?? 0);
    rows.set(name, row);
  }
  console.log('| viewer | pictures | requests | failed | console errors | other problems | most off |\n|---|---|---|---|---|---|---|');
  for (const [name, { pictures, requests, failed, errors, problems, off }] of rows) {
    console.log(`| ${name} | ${pictures} | ${requests} | ${failed} | ${errors} | ${problems} | ${off ? off.toFixed(2) : ''} |`);
  }
  for (const { viewer, version, picture, failed, errors, problems } of results) {
    for (const problem of new Set([...failed, ...errors, ...problems])) console.error(`not right: ${viewer}, ${version}, ${picture}: ${problem}`);
  }
}

const OPTIONS = {
  packages: { type: 'string' }, images: { type: 'string' }, viewer: { type: 'string', multiple: true },
  picture: { type: 'string', multiple: true }, version: { type: 'string', multiple: true }, screenshots: { type: 'string' },
};

/** Returns the requested names, or all if there are none. Fails on an unknown name. */
function known(wanted, all) {
  const unknown = (wanted ?? []).find((name) => !Object.hasOwn(all, name));
  if (unknown) throw new Error(`there is no ${unknown}: choose from ${Object.keys(all).join(', ')}`);
  return wanted ?? Object.keys(all);
}

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.screenshots) await mkdir(values.screenshots, { recursive: true });
  const server = await servePages(values.packages);
  const pages = `http://127.0.0.1:${server.address().port}`;
  const browser = await launch();
  const judge = await browser.newPage();
  const results = [];
  try {
    const versions = known(values.version, { 3: null, 2: null }).map(Number).sort().reverse();
    const cases = known(values.viewer, DRIVERS).flatMap((viewer) => versions.flatMap((version) => (
      known(values.picture, { ...PICTURES, [BOOK]: null }).map((picture) => ({ ...values, viewer, version, picture, pages })))));
    const isShown = ({ viewer, picture }) => picture !== BOOK || DRIVERS[viewer].shows === 'manifest';
    const left = [...cases.filter(isShown).entries()];
    const work = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        const [place, wanted] = next;
        results[place] = expectKnown(wanted.picture === BOOK ? await showBook(browser, wanted) : await show(browser, judge, wanted));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    await browser.close();
    server.close();
  }
  report(results);
  return results.length > 0 && results.every(({ failed, errors, problems }) => failed.length + errors.length + problems.length === 0);
}

process.exitCode = await main().then((right) => (right ? 0 : 1), (error) => { console.error(`not right: ${error.message}`); return 1; });
