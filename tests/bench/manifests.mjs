// Writes minimal manifests of single images: node manifests.mjs FOLDER URL, for FOLDER/v3/{picture} and
// FOLDER/v2/{picture}, seen below URL.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [folder, url] = process.argv.slice(2);

function manifest(id, { width, height }, service, version) {
  const canvas = `${id}/canvas`;
  const body = {
    id: `${service}/full/${version === 3 ? 'max' : 'full'}/0/default.jpg`, type: 'Image', format: 'image/jpeg', width, height,
    service: [version === 3 ? { id: service, type: 'ImageService3', profile: 'level0' }
      : { '@id': service, '@type': 'ImageService2', profile: 'http://iiif.io/api/image/2/level0.json' }],
  };
  const annotation = { id: `${canvas}/annotation`, type: 'Annotation', motivation: 'painting', target: canvas, body };
  return {
    '@context': 'http://iiif.io/api/presentation/3/context.json', id, type: 'Manifest', label: { en: ['picture'] },
    items: [{ id: canvas, type: 'Canvas', width, height, items: [{ id: `${canvas}/page`, type: 'AnnotationPage', items: [annotation] }] }],
  };
}

for (const version of [3, 2]) {
  const images = join(folder, `v${version}`);
  for (const picture of await readdir(images)) {
    const information = await readFile(join(images, picture, 'info.json'), 'utf8').catch(() => undefined);
    if (!information) continue;
    await mkdir(join(images, 'manifests'), { recursive: true });
    const id = `${url}/v${version}/manifests/${picture}.json`;
    const text = JSON.stringify(manifest(id, JSON.parse(information), `${url}/v${version}/${picture}`, version));
    await writeFile(join(images, 'manifests', `${picture}.json`), text);
  }
}
