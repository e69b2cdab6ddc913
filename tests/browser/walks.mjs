// Walks through a published page as a visitor does: zoom, copy the link, open it elsewhere, go back, next image, download, embed;
// without scripts, with failing images, on a slow network, and at another address.
//
//   node walks.mjs http://localhost:3000/viewer.html [PART OF A NAME]...
//
// The page must show the images of pictures.mjs.
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { DESKTOP, PHONE, launch, watch } from './browser.mjs';
import { imagesOf, openPage, rested, settled, viewOf } from './page.mjs';

const address = process.argv[2];
const { origin } = new URL(address);
const folder = address.replace(/\/[^/]*$/, '');
const PERMISSIONS = ['clipboard-read', 'clipboard-write'];
/** A slow connection of a phone. */
const SLOW = { offline: false, latency: 150, downloadThroughput: 50_000, uploadThroughput: 50_000 };
/** What a visitor on a slow connection waits for: the page, thumbnails, and one image at the size of the window. */
const MAX_FIRST_BYTES = 800_000;

const at = (id) => `${address}#${id}`;
const copied = (page) => page.evaluate(() => navigator.clipboard.readText());
const message = (page) => page.locator('.iv-notice p').textContent();

function assertSameView(found, wanted) {
  const [, , width] = wanted.region;
  const isClose = found.region.every((value, index) => Math.abs(value - wanted.region[index]) < width * 0.005);
  assert.ok(isClose && found.title === wanted.title && found.rotation === wanted.rotation, `${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
}

const WALKS = {
  async 'a link opens at the same view elsewhere'({ page, open }) {
    await openPage(page, at('large'));
    await page.click('.iv-zoom-in');
    await page.click('.iv-zoom-in');
    await page.click('.iv-rotate');
    await page.mouse.move(640, 300);
    await page.mouse.wheel(0, -300);
    await rested(page);
    await page.click('.iv-copy-link');
    const link = await copied(page);
    assert.match(link, /#large&xywh=[-\d.,]+&rotation=90$/);
    const wanted = await viewOf(page);
    const other = await open();
    await openPage(other, link);
    assertSameView(await viewOf(other), wanted);
    const phone = await open({ viewport: PHONE, isMobile: true, hasTouch: true });
    await openPage(phone, link);
    const { region: [x, y, width, height] } = await viewOf(phone);
    const [left, top, wide, high] = wanted.region;
    const isInside = x <= left + 1 && y <= top + 1 && x + width >= left + wide - 1 && y + height >= top + high - 1;
    assert.ok(isInside, 'a screen of another shape shows all of the region');
  },

  async 'Back returns to the image before, at its view'({ page }) {
    await openPage(page, at('exact'));
    await page.click('.iv-zoom-in');
    await rested(page);
    const before = await viewOf(page);
    await page.click('.iv-next');
    await settled(page);
    assert.equal((await viewOf(page)).title, 'large');
    await page.keyboard.press('PageDown');
    await settled(page);
    assert.equal((await viewOf(page)).title, 'odd');
    await page.goBack();
    await settled(page);
    assert.equal((await viewOf(page)).title, 'large');
    await page.goBack();
    await settled(page);
    assertSameView(await viewOf(page), before);
    await page.goForward();
    await settled(page);
    assert.equal((await viewOf(page)).title, 'large');
    await page.evaluate(() => { location.hash = '#odd&rotation=180'; });
    await settled(page);
    await rested(page);
    const { title, rotation } = await viewOf(page);
    assert.deepEqual([title, rotation], ['odd', 180], 'a link within the page');
  },

  async 'keys turn pages, zoom and rotate'({ page }) {
    await openPage(page, address);
    const titles = (await imagesOf(page)).map((image) => image.title);
    await page.keyboard.press('ArrowRight');
    await settled(page);
    assert.equal((await viewOf(page)).title, titles[1], 'there is nothing to move');
    await page.locator('.openseadragon-canvas').first().focus();
    await page.keyboard.press('n');
    await settled(page);
    assert.equal((await viewOf(page)).title, titles[2]);
    await page.keyboard.press('p');
    await page.keyboard.press('PageUp');
    await settled(page);
    assert.equal((await viewOf(page)).title, titles[0]);
    await openPage(page, at('large'));
    await page.locator('.openseadragon-canvas').first().focus();
    const whole = await viewOf(page);
    // All within one frame, as on a slow machine.
    await page.evaluate(() => {
      const canvas = document.querySelector('.openseadragon-canvas');
      for (const [key, code] of [['+', 'Equal'], ['+', 'Equal'], ['ArrowRight', 'ArrowRight']]) {
        const options = { key, code, bubbles: true, cancelable: true };
        canvas.dispatchEvent(new KeyboardEvent('keydown', options));
        canvas.dispatchEvent(new KeyboardEvent('keyup', options));
      }
    });
    await rested(page);
    const near = await viewOf(page);
    assert.ok(near.region[2] < whole.region[2] && near.title === 'large', 'arrow keys move what is zoomed in');
    await page.keyboard.press('0');
    await page.locator('.openseadragon-canvas').first().dispatchEvent('keydown', { key: '+', code: 'BracketRight' });
    await rested(page);
    assert.ok((await viewOf(page)).region[2] < whole.region[2] * 0.6, 'plus has another place on a German keyboard');
    await page.keyboard.press('0');
    await page.keyboard.press('Shift+R');
    await rested(page);
    assert.equal(((await viewOf(page)).rotation + 360) % 360, 270);
    assert.ok(page.url().endsWith('#large&rotation=270'), page.url());
  },

  async 'a panorama can fill the height'({ page }) {
    await openPage(page, at('large'));
    assert.ok(await page.locator('.iv-fit-height').isHidden(), 'not for an image of usual shape');
    await openPage(page, at('wide'));
    await page.click('.iv-fit-height');
    await rested(page);
    const { region } = await viewOf(page);
    assert.ok(Math.abs(region[3] - 700) < 7 && region[2] < 5001, `${region}`);
    await page.click('.iv-whole');
    await rested(page);
    assert.ok((await viewOf(page)).region[2] >= 5001);
    assert.ok(page.url().endsWith('#wide'), 'the whole image needs no region in the URL');
  },

  async 'all stored sizes can be downloaded'({ page }) {
    await openPage(page, at('large'));
    await page.click('.iv-download');
    const links = page.locator('.iv-sizes a');
    for (const link of await links.all()) {
      const response = await page.request.get(await link.getAttribute('href'));
      assert.equal(response.status(), 200, response.url());
    }
    const [download] = await Promise.all([page.waitForEvent('download'), links.first().click()]);
    assert.match(download.suggestedFilename(), /^large-3001x2000\.jpg$/);
    assert.ok((await stat(await download.path())).size > 10_000);
    await page.keyboard.press('Escape');
    assert.ok(await links.first().isHidden());
  },

  async 'the embed dialog keeps the focus, copies and closes'({ page }) {
    await openPage(page, at('large'));
    await page.locator('.iv-action.iv-embed').focus();
    await page.keyboard.press('Enter');
    const dialog = page.locator('.iv-dialog[open]');
    await dialog.waitFor();
    for (let press = 0; press < 8; press += 1) {
      await page.keyboard.press('Tab');
      const isInside = await page.evaluate(() => document.activeElement === document.body || Boolean(document.activeElement.closest('dialog[open]')));
      assert.ok(isInside, 'the focus stays in the dialog, or goes to the browser');
    }
    await dialog.getByRole('button', { name: 'Picture' }).click();
    await dialog.getByRole('button', { name: 'Copy' }).click();
    assert.match(await copied(page), /^<img src=".*\/large\/full\/.*" srcset=/);
    await page.keyboard.press('Escape');
    assert.ok(await dialog.isHidden());
    assert.ok(await page.locator('.iv-action.iv-embed').evaluate((button) => button === document.activeElement), 'the focus returns');
  },

  async 'an image that fails clears the stage and can be tried again'({ page, seen }) {
    await openPage(page, at('large'));
    await page.route('**/odd/info.json', (route) => route.fulfill({ status: 503 }));
    await page.click('.iv-next');
    await page.waitForSelector('.iv-retry:visible');
    assert.ok((await message(page)).includes('/odd/info.json (HTTP 503)'), await message(page));
    assert.equal(await page.evaluate(() => window.iiifViewer.viewers[0].osd.world.getItemCount()), 0);
    await page.unroute('**/odd/info.json');
    await page.click('.iv-retry');
    await settled(page);
    assert.ok(await page.locator('.iv-notice').isHidden() && (await viewOf(page)).title === 'odd');
    seen.forget(/503/);
  },

  async 'parts that fail can be tried again at the same view'({ page, seen }) {
    await page.route('**/large/*,*/**', (route) => route.fulfill({ status: 503 }));
    await openPage(page, at('large&xywh=800,600,600,400'));
    await page.waitForSelector('.iv-retry:visible');
    const before = await viewOf(page);
    await page.unroute('**/large/*,*/**');
    await page.click('.iv-retry');
    await page.waitForSelector('.iv-notice', { state: 'hidden' });
    await settled(page);
    assertSameView(await viewOf(page), before);
    seen.forget(/503|failed to load/);
  },

  async 'without scripts, the page is a list of linked pictures'({ open }) {
    const page = await open({ javaScriptEnabled: false, viewport: PHONE });
    await page.goto(address);
    const links = page.locator('.iv-images a');
    assert.equal(await links.count(), 7);
    for (const link of await links.all()) await link.scrollIntoViewIfNeeded();
    await page.waitForLoadState('networkidle');
    const first = await links.first().boundingBox();
    assert.ok(first.y < 0, 'the list scrolls');
    await links.first().click();
    await page.waitForURL('**/full/max/0/default.jpg');
  },

  async 'on a slow network, a thumbnail comes first'({ page }) {
    const session = await page.context().newCDPSession(page);
    let bytes = 0;
    await session.send('Network.enable');
    await session.send('Network.emulateNetworkConditions', SLOW);
    session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
    await page.goto(at('large'), { waitUntil: 'commit' });
    const early = await page.waitForFunction(() => {
      const thumbnail = document.querySelector('.iv-placeholder');
      const isSeen = thumbnail?.checkVisibility() && thumbnail.complete && thumbnail.naturalWidth > 0;
      return isSeen && { isLoading: getComputedStyle(document.querySelector('.iv-spinner')).visibility === 'visible' };
    });
    assert.ok((await early.jsonValue()).isLoading, 'the spinner turns meanwhile');
    await settled(page);
    await page.waitForSelector('.iv-placeholder', { state: 'hidden' });
    console.log(`  ${bytes} bytes until the image is complete`);
    assert.ok(bytes < MAX_FIRST_BYTES, `${bytes} bytes`);
  },

  async 'a page and its images can move to another address'({ page, seen }) {
    seen.allow('https://moved.example');
    await page.route('https://moved.example/**', async (route) => {
      const response = await page.request.get(folder + new URL(route.request().url()).pathname.replace(/^\/there/, ''));
      await route.fulfill({ response });
    });
    const wanted = `https://moved.example/there/${address.split('/').at(-1)}`;
    await openPage(page, `${wanted}#large`);
    const requests = [...seen.loaded].filter((url) => !url.startsWith('https://moved.example/there/'));
    assert.deepEqual(requests, [], 'everything comes from there');
    assert.equal(await page.locator('.iv-notice').isHidden(), true);
  },

  async 'a page that is copied alone loads its images from where they were published'({ page, seen }) {
    seen.allow('http://museum.localhost');
    const body = await (await page.request.get(address)).text();
    await page.route('http://museum.localhost/**', (route) => route.fulfill(
      new URL(route.request().url()).pathname === '/own.html' ? { body, contentType: 'text/html' } : { status: 404 },
    ));
    // Browsers let pages of other sites reach this machine only with a permission.
    await page.route(`${origin}/**`, async (route) => route.fulfill({ response: await route.fetch() }));
    await openPage(page, 'http://museum.localhost/own.html#large');
    await page.click('.iv-download');
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.iv-sizes a').first().click()]);
    assert.equal(download.suggestedFilename(), 'large-3001x2000.jpg', 'files of other sites are saved, too');
    assert.ok(!page.url().endsWith('.jpg'), 'the page stays open');
    seen.forget(/404/);
  },
};

/** Runs a walk in a browser of its own. Requests must not fail, and no other site may be asked. */
async function run(browser, walk) {
  const contexts = [];
  const records = [];
  const open = async (options = {}) => {
    const context = await browser.newContext({ viewport: DESKTOP, permissions: PERMISSIONS, reducedMotion: 'reduce', ...options });
    contexts.push(context);
    const page = await context.newPage();
    records.push(record(page));
    return page;
  };
  try {
    const page = await open();
    await walk({ page, open, seen: records[0] });
    // A picture by itself has no icon.
    const problems = records.flatMap(({ failed, errors }) => [...failed, ...errors]).filter((text) => !text.includes('/favicon.ico'));
    assert.deepEqual(problems, []);
  } finally {
    for (const context of contexts) {
      for (const page of context.pages()) await page.unrouteAll({ behavior: 'ignoreErrors' });
      await context.close();
    }
  }
}

/** Records requests, of which a walk can allow other sites, and forget failures that it has caused. */
function record(page) {
  const origins = [origin];
  const seen = watch(page, origins);
  seen.allow = (other) => origins.push(other);
  seen.forget = (pattern) => {
    for (const list of [seen.failed, seen.errors]) list.splice(0, list.length, ...list.filter((text) => !pattern.test(text)));
  };
  return seen;
}

const browser = await launch();
const wanted = process.argv.slice(3);
let failures = 0;
for (const [name, walk] of Object.entries(WALKS)) {
  if (wanted.length && !wanted.some((part) => name.includes(part))) continue;
  const begin = Date.now();
  const error = await run(browser, walk).then(() => null, (reason) => reason);
  console.log(`${error ? 'FAIL' : 'ok  '} ${name} (${Date.now() - begin} ms)`);
  if (error) console.error(error);
  failures += error ? 1 : 0;
}
await browser.close();
process.exitCode = failures ? 1 : 0;
