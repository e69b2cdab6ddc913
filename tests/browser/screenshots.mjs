// Takes pictures of a running preview of the fractals: on a desktop, in the dark, and on a phone.
//
//   node screenshots.mjs http://localhost:3000/ FOLDER
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PHONE, launch, watch } from './browser.mjs';
import { openPage, settled } from './page.mjs';

const DESKTOP = { width: 960, height: 600 };
const [address, folder] = process.argv.slice(2);

/** Each picture: what it shows, whole or nearer around a point, in fractions of the image. */
const SHOTS = {
  desktop: { viewport: DESKTOP, image: 'seahorse-valley', zoom: 5, center: [0.42, 0.82] },
  dark: { viewport: DESKTOP, image: 'mandelbrot-set', colorScheme: 'dark' },
  phone: { viewport: PHONE, image: 'seahorse-valley', isMobile: true, hasTouch: true },
};

async function shoot(browser, name, { image, zoom, center, ...settings }) {
  const context = await browser.newContext({ colorScheme: 'light', ...settings });
  const page = await context.newPage();
  const seen = watch(page, [new URL(address).origin]);
  await openPage(page, `${address}#${image}`);
  if (zoom) {
    await page.evaluate(([factor, [across, down]]) => {
      const { viewport, world } = window.iiifViewer.viewers[0].osd;
      const { x: width, y: height } = world.getItemAt(0).getContentSize();
      viewport.zoomTo(viewport.getHomeZoom() * factor, null, true);
      viewport.panTo(world.getItemAt(0).imageToViewportCoordinates(across * width, down * height), true);
    }, [zoom, center]);
  }
  await page.waitForLoadState('networkidle');
  await settled(page);
  await page.screenshot({ path: join(folder, `${name}.jpg`), quality: 55 });
  await context.close();
  return [...seen.failed, ...seen.errors];
}

await mkdir(folder, { recursive: true });
const browser = await launch();
const problems = [];
for (const [name, shot] of Object.entries(SHOTS)) problems.push(...await shoot(browser, name, shot));
await browser.close();
for (const problem of problems) console.error(`not right: ${problem}`);
process.exitCode = problems.length ? 1 : 0;
