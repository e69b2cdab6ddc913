// Walks through a site in headless Chromium: searches a word, filters, opens the object, zooms, opens the link elsewhere at the same view,
// turns pages, goes back, and downloads. Then without JavaScript, with an image that fails, and with axe in light and dark mode.
//
//   node site.mjs http://localhost:3000/
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { DESKTOP, PHONE, launch, watch } from './browser.mjs';

const WAIT_MS = 20_000;
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Bytes that a query may load: the directory, words and records.
const MAX_QUERY_BYTES = 300_000;

const base = process.argv[2];
const { origin } = new URL(base);
const problems = [];
let steps = 0;

function check(holds, what) {
  steps += 1;
  if (!holds) problems.push(what);
}

const browser = await launch();

/** Opens a page in a context of its own; `visit` gets the page and its requests. */
async function walk(name, path, options, visit) {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const seen = watch(page, [origin]);
  page.on('dialog', (dialog) => { problems.push(`${name}: a script of a table ran`); dialog.dismiss(); });
  try {
    await page.goto(base + path, { waitUntil: 'load' });
    await visit(page, seen, context);
  } catch (error) {
    problems.push(`${name}: ${error.message.split('\n')[0]}`);
  }
  if (!options.fails) problems.push(...[...seen.failed, ...seen.errors].map((problem) => `${name}: ${problem}`));
  await context.close();
}

const isOpen = (page) => page.waitForFunction(() => window.viewer?.world.getItemCount() > 0 && document.querySelector('.stage.open'));
const count = (page) => page.locator('#grid .card').count();

await walk('search', 'index.html', {}, async (page, _, context) => {
  check(await count(page) === 4, 'the list has all objects');
  let bytes = 0;
  const client = await context.newCDPSession(page);
  await client.send('Network.enable');
  client.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
  await page.fill('#q', 'rome');
  await page.waitForFunction(() => document.querySelectorAll('#grid .card').length === 1);
  check(bytes < MAX_QUERY_BYTES, `a query loads ${bytes} bytes`);
  check(new URL(page.url()).search === '?q=rome', 'the query is in the URL');
  // Longer than the time after which a slow query is announced.
  await page.waitForTimeout(500);
  check(await page.locator('#count').textContent() === '1 result', 'the number of results stays');
  const number = page.locator('#facets details:not([hidden]) .number');
  check(await number.count() === 1 && await number.textContent() === '1', 'the filters have the numbers of the query');
  await page.fill('#q', '東京');
  await page.waitForFunction(() => document.querySelector('#grid .title')?.lang === 'ja');
  await page.fill('#q', '');
  await page.waitForFunction(() => document.querySelectorAll('#grid .card').length === 4);
  await page.locator('#facets input[value="Book"]').check();
  await page.waitForFunction(() => document.querySelectorAll('#grid .card').length === 1);
  const maps = await page.locator('#facets label', { hasText: 'Map' }).locator('.number').textContent();
  check(maps === '2', `selecting maps, too, would add ${maps} objects`);
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll('#grid .card').length === 1);
  await page.locator('#grid a').click();
  await isOpen(page);
  await page.goBack();
  await page.waitForFunction(() => document.querySelectorAll('#grid .card').length === 1);
});

await walk('nothing found', 'index.html?q=nothing', {}, async (page) => {
  await page.waitForFunction(() => document.querySelector('#count').textContent.startsWith('Nothing found'));
  // The filters are built when the browser is idle.
  await page.waitForFunction(() => document.querySelectorAll('#facets details').length);
  await page.waitForTimeout(300);
  check(await page.locator('#facets details:not([hidden])').count() === 0, 'no filters without objects');
});

await walk('view', 'objects/rome/index.html', { acceptDownloads: true }, async (page, _, context) => {
  await isOpen(page);
  await page.waitForTimeout(300);
  await page.getByRole('button', { name: 'Zoom in' }).click();
  await page.waitForFunction(() => location.hash.includes('view='));
  const zoom = () => page.evaluate(() => window.viewer.viewport.getZoom());
  const before = await zoom();
  await page.locator('.openseadragon-canvas').first().dispatchEvent('keydown', { key: '+', code: 'BracketRight' });
  check(await zoom() > before, 'plus zooms on a German keyboard');
  await page.waitForTimeout(1000);
  const bounds = (shown) => shown.evaluate(() => { const { x, y, width } = window.viewer.viewport.getBounds(); return [x, y, width]; });
  const elsewhere = await context.newPage();
  await elsewhere.goto(page.url());
  await isOpen(elsewhere);
  const [here, there] = [await bounds(page), await bounds(elsewhere)];
  check(here.every((value, index) => Math.abs(value - there[index]) < 0.01), `the same view: ${here} and ${there}`);
  const download = page.waitForEvent('download');
  await page.locator('#downloads a').first().click();
  check((await download).suggestedFilename().endsWith('.jpg'), 'a download');
});

await walk('book', 'objects/book/index.html', {}, async (page) => {
  await isOpen(page);
  const order = () => page.evaluate(() => {
    const { world } = window.viewer;
    return Array.from({ length: world.getItemCount() }, (_, n) => world.getItemAt(n)).sort((a, b) => a.getBounds().x - b.getBounds().x)
      .map((item) => Number(item.source._id.split('/').pop()));
  });
  await page.getByRole('button', { name: 'Next page' }).click();
  await page.waitForFunction(() => window.viewer.world.getItemCount() === 2 && location.hash.includes('page=2'));
  check((await order()).join() === '3,2', `the right page comes first: ${await order()}`);
  await page.getByRole('button', { name: 'Two pages' }).click();
  await page.waitForFunction(() => window.viewer.world.getItemCount() === 1);
  await page.locator('#strip a').nth(3).click();
  await page.waitForFunction(() => location.hash.includes('page=4'));
  await page.goBack();
  await page.waitForFunction(() => location.hash.includes('page=2'));
  await page.locator('#contents a').nth(1).click();
  await page.waitForFunction(() => location.hash.includes('page=3'));
});

await walk('a slow picture', 'index.html', {}, async (page) => {
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  const isStill = (request) => request.resourceType() === 'image' && request.url().includes('/full/');
  await page.route((url) => url.pathname.includes('/rome/full/'), async (route) => { await held; await route.continue(); });
  const scripts = [];
  page.on('request', (request) => { if (request.url().includes('openseadragon')) scripts.push(request.url()); });
  const picture = page.waitForRequest(isStill);
  await page.goto(`${base}objects/rome/index.html`, { waitUntil: 'commit' });
  await picture;
  await page.waitForTimeout(500);
  check(!scripts.length, 'the picture comes before the script of the viewer');
  release();
  await isOpen(page);
  check(scripts.length === 1, 'the viewer opens as soon as the picture is there');
});

await walk('a page that is chosen before the viewer is there', 'index.html', {}, async (page) => {
  await page.route((url) => url.pathname.includes('/book/') && url.pathname.includes('/full/'), async (route) => {
    await new Promise((resolve) => { setTimeout(resolve, 1500); });
    await route.continue();
  });
  await page.goto(`${base}objects/book/index.html`, { waitUntil: 'commit' });
  await page.locator('#strip a').nth(3).click();
  await isOpen(page);
  check(new URL(page.url()).hash.includes('page=4'), 'the page is in the URL');
  check(await page.locator('#strip [aria-current]').count() > 0, 'the page is marked');
});

await walk('without JavaScript', 'index.html', { javaScriptEnabled: false }, async (page) => {
  check(await count(page) === 4, 'the list without JavaScript');
  await page.locator('#grid a').first().click();
  check(await page.locator('#still').isVisible(), 'an image without JavaScript');
  check(await page.locator('h1').isVisible(), 'a title without JavaScript');
  await page.getByRole('link', { name: 'Next object' }).click();
});

await walk('an image that fails', 'index.html', { fails: true }, async (page) => {
  let isBroken = true;
  await page.route('**/info.json', (route) => isBroken ? route.abort() : route.continue());
  await page.locator('#grid a').first().click();
  const retry = page.getByRole('button', { name: 'Try again' });
  await retry.waitFor();
  check(await page.locator('#still').isVisible(), 'the image below the error');
  isBroken = false;
  await retry.click();
  await isOpen(page);
});

for (const colorScheme of ['light', 'dark']) {
  for (const viewport of [DESKTOP, PHONE]) {
    for (const path of ['index.html', 'index.html?q=o', 'objects/rome/index.html', 'objects/book/index.html', 'objects/hostile/index.html']) {
      const name = `axe, ${colorScheme}, ${viewport.width} pixels, ${path}`;
      await walk(name, path, { colorScheme, viewport }, async (page, _, context) => {
        if (path.startsWith('objects')) await isOpen(page); else await page.waitForSelector('#facets details', { state: 'attached' });
        if (viewport === PHONE && !path.startsWith('objects')) await page.getByRole('button', { name: 'Filter' }).click();
        // The policy of the page forbids scripts that are added to it.
        await (await context.newCDPSession(page)).send('Runtime.evaluate', { expression: AXE });
        const violations = await page.evaluate(async () => (await window.axe.run()).violations.map(({ id, nodes }) => `${id} (${nodes[0].target})`));
        check(!violations.length, `${name}: ${violations}`);
        check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: wider than the window`);
      });
    }
  }
}

await browser.close();
for (const problem of problems) console.log(`FAILED ${problem}`);
console.log(`site: ${steps} checks, ${problems.length} problems`);
process.exitCode = problems.length || !steps ? 1 : 0;
