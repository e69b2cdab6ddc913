// Headless Chromium, and the requests of its pages.
import { chromium } from 'playwright-core';

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

const ARGUMENTS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';

/** A browser; CHROMIUM names it. */
export const launch = () => chromium.launch({ executablePath, args: ARGUMENTS });

/** The same with a profile folder, and one page. */
export const launchWithProfile = (profile) => chromium.launchPersistentContext(profile, {
  executablePath, args: ARGUMENTS, viewport: DESKTOP, colorScheme: 'light',
});

/**
 * Records all requests of a page, and all failures. Requests to origins other than these are failures too; requests that the page
 * itself cancels are not.
 */
export function watch(page, origins) {
  const seen = { requests: 0, inFlight: 0, loaded: new Set(), failed: [], errors: [], lastChange: Date.now() };
  const counts = (request) => request.url().startsWith('http');
  const ended = (request) => { if (counts(request)) { seen.inFlight -= 1; seen.lastChange = Date.now(); } };
  page.on('request', (request) => {
    if (!counts(request)) return;
    seen.requests += 1;
    seen.inFlight += 1;
    seen.lastChange = Date.now();
    if (!origins.includes(new URL(request.url()).origin)) seen.failed.push(`outside: ${request.url()}`);
  });
  page.on('requestfinished', ended);
  page.on('response', (response) => {
    if (response.status() >= 400) seen.failed.push(`${response.status()} ${response.url()}`);
    else seen.loaded.add(response.url());
  });
  page.on('requestfailed', (request) => {
    ended(request);
    const reason = request.failure()?.errorText;
    if (reason !== 'net::ERR_ABORTED') seen.failed.push(`${reason} ${request.url()}`);
  });
  page.on('console', (message) => {
    if (message.type() === 'error') seen.errors.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  return seen;
}
