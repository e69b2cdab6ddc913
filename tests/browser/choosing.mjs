// Checks the page when its first image is slow, or cannot be opened, while another one is selected.
//
//   node choosing.mjs http://localhost:3000/
import assert from 'node:assert/strict';
import { launch } from './browser.mjs';
import { imagesOf, openPage } from './page.mjs';

const DELAY_MS = 1000;
const LONG_MS = 2000;

async function check(browser, address, isThere) {
  const page = await browser.newPage();
  await openPage(page, address);
  const [first, second] = await imagesOf(page);
  await page.route(first.info, async (route) => {
    await new Promise((resolve) => { setTimeout(resolve, DELAY_MS); });
    await (isThere ? route.continue() : route.fulfill({ status: 404 }));
  });
  const state = async () => {
    await page.waitForTimeout(LONG_MS);
    return page.evaluate(() => ({
      name: document.querySelector('.iv-title').textContent,
      notice: document.querySelector('.iv-notice p').textContent,
      hasControls: document.querySelector('.iv-controls').checkVisibility(),
      shown: window.iiifViewer.viewers[0].osd.world.getItemAt(0)?.source._id ?? null,
    }));
  };
  const whole = ({ id, info }) => ({ name: id, notice: '', hasControls: true, shown: info.replace('/info.json', '') });
  const choose = (index) => page.locator('.iv-strip button').nth(index).click();
  await page.goto(`${address}#${encodeURIComponent(second.id)}`);
  await choose(0);
  await choose(1);
  assert.deepEqual(await state(), whole(second), 'the image that was chosen last is shown, and no other');
  await choose(0);
  if (isThere) {
    assert.deepEqual(await state(), whole(first));
  } else {
    const { notice, hasControls } = await state();
    assert.ok(notice.startsWith(`This image could not be loaded. ${first.info}`), notice);
    assert.equal(hasControls, false);
  }
  await page.evaluate((id) => { location.hash = `#${encodeURIComponent(id)}`; }, second.id);
  assert.deepEqual(await state(), whole(second), 'a link to another image of the page opens it');
  await page.close();
}

const browser = await launch();
try {
  for (const isThere of [true, false]) await check(browser, process.argv[2], isThere);
} finally {
  await browser.close();
}
