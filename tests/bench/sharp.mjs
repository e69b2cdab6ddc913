// A pyramid by sharp, which has a newer libvips than Debian: node sharp.mjs PICTURE FOLDER URL VERSION TILE
import sharp from 'sharp';

const [picture, folder, id, version, size] = process.argv.slice(2);
await sharp(picture).tile({ layout: version === '3' ? 'iiif3' : 'iiif', id, size: Number(size) }).toFile(`${folder}.dz`);
