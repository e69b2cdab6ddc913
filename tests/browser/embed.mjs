// Opens the HTML blocks of README and book that embed images, as pages of their own: each must show the image, without a failed request.
//
//   node embed.mjs --packages FOLDER --site FOLDER PAGE.md...
//
// SITE has what `iiif-publish ingest` has published for https://cdn.example.org. The scripts that the blocks load come from the packages
// of viewers.json, which must have the versions that the blocks name.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DESKTOP, launch, watch } from './browser.mjs';

const PAGE = 'https://museum.example';
const IMAGES = ['https://cdn.example.org', 'https://art-tiles.s3.eu-central-1.amazonaws.com'];
const SCRIPTS = 'https://cdn.jsdelivr.net';
const CONTENT_TYPES = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', jpg: 'image/jpeg', json: 'application/json' };
const WAIT_MS = 20_000;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { packages: { type: 'string' }, site: { type: 'string' } } });

const blocksOf = (markdown) => [...markdown.matchAll(/^```html\n(.*?)^```$/gms)].map(([, html]) => html);

/** The file that a URL stands for, or nothing. */
async function fileOf(url) {
  const path = decodeURIComponent(url.pathname);
  if (url.origin !== SCRIPTS) return join(values.site, path);
  const [, name, version, file] = path.match(/^\/npm\/([^@]+)@([^/]+)\/(.+)$/) ?? [];
  if (!name) return undefined;
  const installed = JSON.parse(await readFile(join(values.packages, name, 'package.json'), 'utf8')).version;
  return `${installed}.`.startsWith(`${version}.`) ? join(values.packages, name, file) : undefined;
}

async function answer(route) {
  const url = new URL(route.request().url());
  const file = await fileOf(url);
  const body = file && await readFile(file).catch(() => undefined);
  if (!body) return route.fulfill({ status: 404 });
  const contentType = CONTENT_TYPES[file.split('.').at(-1)] ?? 'application/octet-stream';
  return route.fulfill({ body, contentType, headers: { 'Access-Control-Allow-Origin': '*' } });
}

/** The problems of a block: nothing is shown, or a request fails. */
async function problemsOf(browser, html) {
  const context = await browser.newContext({ viewport: DESKTOP });
  await context.route('**', answer);
  await context.route(`${PAGE}/`, (route) => route.fulfill({ body: `<!doctype html><title>Embed</title>${html}`, contentType: 'text/html' }));
  const page = await context.newPage();
  const seen = watch(page, [PAGE, SCRIPTS, ...IMAGES]);
  await page.goto(`${PAGE}/`);
  const isShown = () => [...seen.loaded].some((url) => IMAGES.includes(new URL(url).origin) && url.endsWith('.jpg'));
  const end = Date.now() + WAIT_MS;
  while (!isShown() && Date.now() < end) await page.waitForTimeout(100);
  await page.waitForLoadState('networkidle');
  await context.close();
  const failed = seen.failed.filter((text) => !text.endsWith('/favicon.ico'));
  return [...(isShown() ? [] : ['no picture was loaded', ...seen.errors]), ...failed];
}

const browser = await launch();
let count = 0;
let failures = 0;
for (const path of positionals) {
  for (const html of blocksOf(await readFile(path, 'utf8'))) {
    count += 1;
    const problems = await problemsOf(browser, html);
    for (const problem of problems) console.error(`${path}: ${problem}, with\n${html}`);
    failures += problems.length ? 1 : 0;
  }
}
await browser.close();
console.log(`${count} HTML blocks embed an image, ${failures} fail`);
process.exitCode = count && !failures ? 0 : 1;
