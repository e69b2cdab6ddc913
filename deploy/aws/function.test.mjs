// The function of cdn.yaml, as CloudFront would call it: node --test, with FUNCTION naming the file with its code.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import vm from 'node:vm';

const source = readFileSync(process.env.FUNCTION, 'utf8');
// Nothing but the language: CloudFront has neither `require` nor `console.error`, `fetch` or timers.
const context = vm.createContext(Object.create(null));
vm.runInContext(`'use strict';${source};this.handler = handler;`, context);

const answer = (uri, method = 'GET') => context.handler({ version: '1.0', request: { method, uri, querystring: {}, headers: {} } });

const redirects = (uri, to) => {
  for (const method of ['GET', 'HEAD']) {
    const response = answer(uri, method);
    assert.equal(response.statusCode, 303, uri);
    assert.equal(response.headers.location.value, to);
    assert.equal(response.headers['access-control-allow-origin'].value, '*');
  }
};
const passes = (uri, method) => assert.equal(answer(uri, method).uri, uri);

test('a base URI leads to info.json', () => {
  redirects('/atlas', '/atlas/info.json');
  redirects('/maps/atlas', '/maps/atlas/info.json');
  redirects('/3/atlas/', '/3/atlas/info.json');
  redirects('/atlas/v3f1c09b2a77e', '/atlas/v3f1c09b2a77e/info.json');
});

test('identifiers with dots, and characters that are encoded, stay what they are', () => {
  redirects('/ms-1/f.2r', '/ms-1/f.2r/info.json');
  redirects('/scan.tif', '/scan.tif/info.json');
  redirects('/web-site/plan.svg', '/web-site/plan.svg/info.json');
  redirects('/%C3%9Cn%20i', '/%C3%9Cn%20i/info.json');
});

test('what is stored is served', () => {
  passes('/atlas/info.json');
  passes('/atlas/full/max/0/default.jpg');
  passes('/atlas/0,0,512,512/512,512/0/default.webp');
  passes('/atlas/full/200,/0/default.png');
  passes('/manifests/atlas.json');
  passes('/maps/viewer.html');
  passes('/collection.json');
  passes('/collections/2.json');
  passes('/maps/sitemap.xml');
  passes('/site/0f3a.css');
  passes('/maps/site/0f3a.js');
  passes('/site/logo-0f3a.svg');
  passes('/');
});

test('other methods than GET and HEAD pass, preflights among them', () => {
  passes('/atlas', 'OPTIONS');
});

test('it is as small as CloudFront wants it', () => {
  assert.ok(Buffer.byteLength(source) < 10 * 1024);
});
