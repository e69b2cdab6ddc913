// Checks a page with axe-core in all of its states, in light and dark, on a desktop and a phone: there may be no violation.
//
//   node accessibility.mjs http://localhost:3000/viewer.html
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { DESKTOP, PHONE, launch } from './browser.mjs';
import { openPage } from './page.mjs';

const address = process.argv[2];
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** States of the page, and the way to each. */
const STATES = {
  image: async () => {},
  download: (page) => page.click('.iv-download'),
  embed: (page) => page.click('.iv-action.iv-embed'),
  details: (page) => page.click('.iv-details'),
  error: async (page) => {
    await page.route('**/info.json', (route) => route.fulfill({ status: 404 }));
    await page.click('.iv-next');
    await page.waitForSelector('.iv-retry:visible');
  },
};

async function violations(browser, state, options) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  await openPage(page, `${address}#exact`);
  await STATES[state](page);
  await page.evaluate(axe);
  const result = await page.evaluate((values) => window.axe.run(document, { runOnly: values }), RULES);
  await context.close();
  return result.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`);
}

const browser = await launch();
let [states, count] = [0, 0];
for (const state of Object.keys(STATES)) {
  for (const colorScheme of ['light', 'dark']) {
    for (const screen of [{ viewport: DESKTOP }, { viewport: PHONE, isMobile: true, hasTouch: true }]) {
      const found = await violations(browser, state, { colorScheme, ...screen });
      for (const violation of found) console.error(`${state}, ${colorScheme}, ${screen.viewport.width} px: ${violation}`);
      states += 1;
      count += found.length;
    }
  }
}
await browser.close();
console.log(`axe-core: ${states} states of the page, ${count} violations`);
process.exitCode = count ? 1 : 0;
