// Downloads the viewers of viewers.json as published, without their build dependencies: they are bundled.
//
//   node packages.mjs FOLDER
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = process.argv[2];
const list = await readFile(new URL('viewers.json', import.meta.url), 'utf8');

async function fetchPackage(into, { folder: name, package: wanted, integrity }) {
  const archives = await mkdtemp(join(into, '.archive-'));
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', archives, wanted]);
  const archive = join(archives, stdout.trim().split('\n').at(-1));
  const found = `sha512-${createHash('sha512').update(await readFile(archive)).digest('base64')}`;
  if (found !== integrity) throw new Error(`${wanted} is not what it was: ${found}`);
  await mkdir(join(into, name), { recursive: true });
  await run('tar', ['-xzf', archive, '--strip-components=1', '-C', join(into, name)]);
  await rm(archives, { recursive: true });
}

const contents = join(folder, 'contents.json');
if (await readFile(contents, 'utf8').catch(() => '') !== list) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await Promise.all(JSON.parse(list).map((wanted) => fetchPackage(folder, wanted)));
  await writeFile(contents, list);
}
