// Draws images for screenshots: parts of the Mandelbrot set and a Julia set, in the sizes of photographs.
//
//   node fractals.mjs FOLDER
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Size in pixels, the middle and the width of what is shown of the plane, and for a Julia set its constant. */
const FRACTALS = {
  'mandelbrot-set': { size: [4096, 3072], middle: [-0.65, 0], width: 3.6, phase: 0.02 },
  'seahorse-valley': { size: [3000, 4000], middle: [-0.7463, 0.1102], width: 0.0065, phase: 0.55 },
  'julia-set': { size: [6000, 2500], middle: [0, 0], width: 3.7, constant: [-0.7269, 0.1889], phase: 0.3 },
};
const MOST_STEPS = 700;
const ESCAPED = 256; // the square of a distance; a large one makes the colors smooth
const INSIDE = [12, 14, 24];

/** Steps until a point has escaped, with a fraction; undefined where it does not. */
function steps(x, y, [cx, cy]) {
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const [xx, yy] = [x * x, y * y];
    if (xx + yy > ESCAPED) return step + 1 - Math.log2(Math.log2(xx + yy) / 2);
    [x, y] = [xx - yy + cx, 2 * x * y + cy];
  }
  return undefined;
}

/** In the two large parts of the Mandelbrot set, from where no point escapes. */
function isInside(x, y) {
  const q = (x - 0.25) ** 2 + y * y;
  return q * (q + x - 0.25) <= 0.25 * y * y || (x + 1) ** 2 + y * y <= 0.0625;
}

function color(count, phase) {
  if (count === undefined) return INSIDE;
  const turn = Math.sqrt(Math.max(count, 0)) * 0.16 + phase;
  return [0, 0.1, 0.22].map((shift) => 255 * (0.5 - 0.48 * Math.cos(2 * Math.PI * (turn + shift))));
}

function drawn({ size: [width, height], middle, width: shown, constant, phase }) {
  const head = Buffer.from(`P6\n${width} ${height}\n255\n`);
  const pixels = Buffer.alloc(width * height * 3);
  for (let row = 0, at = 0; row < height; row += 1) {
    const y = middle[1] + (height / 2 - row) * (shown / width);
    for (let column = 0; column < width; column += 1, at += 3) {
      const x = middle[0] + (column - width / 2) * (shown / width);
      const count = constant ? steps(x, y, constant) : isInside(x, y) ? undefined : steps(0, 0, [x, y]);
      pixels.set(color(count, phase), at);
    }
  }
  return Buffer.concat([head, pixels]);
}

for (const [name, fractal] of Object.entries(FRACTALS)) {
  await writeFile(join(process.argv[2], `${name}.ppm`), drawn(fractal));
}
