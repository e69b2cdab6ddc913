// What scripts know of the page that shows images: its viewer, and the places of its parts.

const WAIT_MS = 20_000;

/**
 * Opens a page, and waits until its list of images is complete and the first one of them is open. Goes to a blank page first: if only the
 * fragment changed, the browser would keep the document, and the image that is still open would be taken for the requested one.
 */
export async function openPage(page, address) {
  await page.goto('about:blank');
  await page.goto(address);
  await page.waitForSelector('.iiif-viewer.iv-complete', { timeout: WAIT_MS });
  await settled(page);
}

/** The images of the page, as its viewer knows them. */
export const imagesOf = (page) => page.evaluate(() => window.iiifViewer.viewers[0].images);

/** Resolves once the open image has every tile of the present view; the flag may lag a frame or two behind a move. */
export async function settled(page) {
  await page.evaluate(async () => {
    for (let frame = 0; frame < 4; frame += 1) await new Promise(requestAnimationFrame);
  });
  await page.waitForFunction(() => {
    const { osd } = window.iiifViewer.viewers[0];
    return osd.isOpen() && osd.world.getItemAt(0)?.getFullyLoaded();
  }, null, { timeout: WAIT_MS });
}

/** Resolves once nothing moves. */
export const rested = (page) => page.evaluate(async () => {
  const { viewport } = window.iiifViewer.viewers[0].osd;
  const isMoving = () => Math.abs(viewport.getZoom(true) / viewport.getZoom(false) - 1) > 1e-3
    || viewport.getCenter(true).distanceTo(viewport.getCenter(false)) > 1e-4;
  do await new Promise((resolve) => { setTimeout(resolve, 100); }); while (isMoving());
  // Until the view is written into the URL.
  await new Promise((resolve) => { setTimeout(resolve, 400); });
});

/** The title, the rotation and the region that is seen, in pixels of the image. */
export const viewOf = (page) => page.evaluate(() => {
  const { osd } = window.iiifViewer.viewers[0];
  const { viewport } = osd;
  const { x, y, width, height } = osd.world.getItemAt(0).viewportToImageRectangle(viewport.getBoundsNoRotate());
  const title = document.querySelector('.iv-title').textContent;
  return { title, region: [x, y, width, height], rotation: viewport.getRotation() };
});
