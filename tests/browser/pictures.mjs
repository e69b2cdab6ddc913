// The images for the viewers: unusual sizes, and known colors at every pixel.
//
//   node pictures.mjs FOLDER
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Width and height of each picture, in pixels. */
export const PICTURES = {
  one: [1, 1], // as small as can be
  column: [1, 1500], // one pixel wide, several tiles high
  row: [1500, 1],
  exact: [1024, 1024], // whole tiles at every level
  odd: [1023, 2047], // one pixel less than that, at every level
  large: [3001, 2000], // six levels
  wide: [5001, 700], // wider than the largest whole picture
};

/** The object whose pages are all of them, and its table. */
export const BOOK = 'book';
const bookTable = () => ['source,id,object,sequence', ...Object.keys(PICTURES).map((name, n) => `${name}.ppm,pages/${name},${BOOK},${n + 1}`)];

/** The table of a site: a map, a Japanese title, a hostile row, and a book that opens from the right. */
const HOSTILE = '"\'><script>alert(1)</script><img src=x onerror=alert(2)>';
const siteTable = () => [
  ['source', 'id', 'object', 'sequence', 'label', 'language', 'viewingDirection', 'Type', 'range'],
  ['large.ppm', 'rome', '', '', 'Plan of Rome', 'en', '', 'Map', ''],
  ['exact.ppm', 'tokyo', '', '', '東京湾の地図', 'ja', '', 'Map', ''],
  ['odd.ppm', 'hostile', '', '', HOSTILE, '', '', HOSTILE, ''],
  ...['large', 'odd', 'exact', 'odd'].map((name, n) => [`${name}.ppm`, `book/${n + 1}`, 'book', n + 1, 'كتاب', 'ar', 'right-to-left', 'Book', ['باب 1', '', 'باب 2', ''][n]]),
].map((row) => row.map((cell) => `"${String(cell).replaceAll('"', '""')}"`).join(','));

const wave = (at, length, phase) => Math.round(128 + 90 * Math.sin((at / length) * 2 * Math.PI + phase));

/** Red, green and blue of a pixel: so smooth that JPEG and a shift of half a pixel change little. */
export const color = (x, y) => [wave(x, 397, 0), wave(y, 311, 1), wave(x + y, 523, 2)];

/** Writes them as PPM files into a folder. */
async function writePictures(folder) {
  for (const [name, [width, height]] of Object.entries(PICTURES)) {
    const head = Buffer.from(`P6\n${width} ${height}\n255\n`);
    const pixels = Buffer.alloc(width * height * 3);
    for (let y = 0, at = 0; y < height; y += 1) for (let x = 0; x < width; x += 1, at += 3) pixels.set(color(x, y), at);
    await writeFile(join(folder, `${name}.ppm`), Buffer.concat([head, pixels]));
  }
  await writeFile(join(folder, `${BOOK}.csv`), bookTable().join('\n'));
  await writeFile(join(folder, 'site.csv'), siteTable().join('\n'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writePictures(process.argv[2]);
