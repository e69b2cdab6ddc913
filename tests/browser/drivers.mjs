// The viewers: for each, the page that shows one image or manifest, and functions that move it.

/** Fractions of width and height: the corners are the last pixels, where rounding goes wrong. */
export const CORNERS = [[0, 0], [1, 0], [0, 1], [1, 1]];
export const CENTER = [0.5, 0.5];

const head = (scripts, styles = []) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>viewer</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>html, body, #viewer { margin: 0; width: 100%; height: 100%; overflow: hidden; background: #fff; }</style>
${styles.map((path) => `<link rel="stylesheet" href="/packages/${path}">`).join('')}
${scripts.map((path) => `<script src="/packages/${path}"></script>`).join('')}</head><body><div id="viewer"></div>`;

const page = (scripts, styles, script) => (url) =>
  `${head(scripts, styles)}<script>const url = ${JSON.stringify(url)};\n${script}</script></body></html>`;

/** The same with a script that imports. */
const modulePage = (styles, script) => (url) =>
  `${head([], styles)}<script type="module">const url = ${JSON.stringify(url)};\n${script}</script></body></html>`;

/** Moves an OpenSeadragon viewer, `window.osd()`, to scale 1 over a point. */
const moveOpenSeadragon = {
  isReady: () => window.osd()?.isOpen(),
  moveTo: ([across, down]) => {
    const { viewport, world } = window.osd();
    const item = world.getItemAt(0);
    const { x: width, y: height } = item.getContentSize();
    viewport.zoomTo(item.imageToViewportZoom(1), null, true);
    viewport.panTo(item.imageToViewportCoordinates(across * width, down * height), true);
  },
  /** Returns the position of an image pixel on the page. */
  place: ([x, y]) => {
    const { viewport, world } = window.osd();
    // A copy of one of its points: bundles keep the class to themselves.
    const point = Object.assign(viewport.getCenter().clone(), { x, y });
    const { x: left, y: top } = world.getItemAt(0).imageToWindowCoordinates(point);
    return [left, top];
  },
};

const openSeadragon = (version) => ({
  shows: 'info.json',
  ...moveOpenSeadragon,
  page: page([`${version}/build/openseadragon/openseadragon.min.js`], [], `
    const viewer = OpenSeadragon({ element: document.getElementById('viewer'), tileSources: url, showNavigationControl: false,
      showNavigator: true, visibilityRatio: 0.1, minZoomImageRatio: 0.5, maxZoomPixelRatio: 2, imageSmoothingEnabled: true });
    window.osd = () => viewer;`),
});

/** Can only be moved with the mouse. */
const moveByMouse = { isReady: (selector) => document.querySelector(selector)?.clientWidth > 0 };

export const DRIVERS = {
  'OpenSeadragon 6.1': openSeadragon('openseadragon'),
  'OpenSeadragon 4.1': openSeadragon('openseadragon-4'),
  'OpenSeadragon 2.4': openSeadragon('openseadragon-2'),
  'Leaflet-IIIF 3.0': {
    shows: 'info.json',
    page: page(['leaflet/dist/leaflet.js', 'leaflet-iiif/leaflet-iiif.js'], ['leaflet/dist/leaflet.css'], `
      const map = L.map('viewer', { center: [0, 0], crs: L.CRS.Simple, zoom: 0, zoomAnimation: false, fadeAnimation: false });
      window.layer = L.tileLayer.iiif(url);
      layer.once('load', () => { window.isLoaded = true; });
      layer.addTo(map);
      window.map = map;`),
    isReady: () => window.isLoaded === true,
    moveTo: ([across, down]) => {
      const { map, layer } = window;
      map.setView(map.unproject([across * layer.x, down * layer.y], layer.maxNativeZoom), layer.maxNativeZoom, { animate: false });
    },
    place: ([x, y]) => {
      const { x: left, y: top } = window.map.latLngToContainerPoint(window.map.unproject([x, y], window.layer.maxNativeZoom));
      return [left, top];
    },
  },
  'OpenLayers 10.11': {
    shows: 'info.json',
    page: page(['ol/dist/ol.js'], ['ol/ol.css'], `
      fetch(url).then((response) => response.json()).then((info) => {
        const options = new ol.format.IIIFInfo(info).getTileSourceOptions();
        options.zDirection = -1;
        const source = new ol.source.IIIF(options);
        const layer = new ol.layer.Tile({ source });
        const [width, height] = options.size;
        const map = new ol.Map({ layers: [layer], target: 'viewer', controls: [],
          view: new ol.View({ resolutions: source.getTileGrid().getResolutions(), extent: [0, -height, width, 0],
            constrainOnlyCenter: true, showFullExtent: true }) });
        map.getView().fit([0, -height, width, 0]);
        map.once('rendercomplete', () => { window.isLoaded = true; });
        Object.assign(window, { map, size: [width, height] });
      });`),
    isReady: () => window.isLoaded === true,
    moveTo: ([across, down]) => {
      const [width, height] = window.size;
      window.map.getView().setResolution(1);
      window.map.getView().setCenter([across * width, -down * height]);
      window.map.renderSync();
    },
    place: ([x, y]) => window.map.getPixelFromCoordinate([x, -y]),
  },
  'Mirador 4.0': {
    shows: 'manifest',
    ...moveOpenSeadragon,
    page: page(['mirador/dist/mirador.min.js'], [], `
      Mirador.viewer({ id: 'viewer', windows: [{ id: 'shown', manifestId: url }], window: { defaultSideBarPanel: 'info',
        sideBarOpenByDefault: true }, thumbnailNavigation: { defaultPosition: 'far-bottom' } });
      window.osd = () => Mirador.OSDReferences.get('shown')?.current;`),
    own: [/element\.ref was removed in React 19/],
  },
  'Universal Viewer 4.4': {
    shows: 'manifest',
    ...moveByMouse,
    surface: '.openseadragon-canvas',
    // It requests an image of its own at a wrong URL.
    own: [/\/images\/data:image\/gif/],
    page: page(['universalviewer/dist/umd/UV.js'], ['universalviewer/dist/uv.css'], `
      document.getElementById('viewer').className = 'uv';
      const urls = new UV.IIIFURLAdapter(true);
      window.uv = UV.init('viewer', { ...urls.getInitialData({ embedded: true }), iiifManifestId: url });`),
  },
  'TIFY 0.35': {
    shows: 'manifest',
    ...moveOpenSeadragon,
    page: modulePage(['tify/dist/tify.css'], `
      import '/packages/tify/dist/tify.js';
      const tify = new window.Tify({ container: '#viewer', manifestUrl: url, view: 'thumbnails', language: 'en' });
      window.osd = () => tify.viewer;`),
  },
  'Clover 3.3': {
    shows: 'manifest',
    ...moveByMouse,
    surface: '.openseadragon-canvas',
    zoomIn: '[data-button="zoom-in"]',
    page: page(['@samvera/clover-iiif/dist/web-components/index.umd.js'], [], `
      const viewer = document.createElement('clover-viewer');
      viewer.setAttribute('id', url);

      document.getElementById('viewer').append(viewer);`),
  },
  'Triiiceratops 0.16': {
    shows: 'manifest',
    ...moveOpenSeadragon,
    // It requests an image that fits into one tile in the quality `native`, which the Image API has not had since version 2.
    own: [/\/0\/native\.jpg/],
    cannotShow: { 2: ['one'] },
    page: page(['triiiceratops/dist/triiiceratops-element.iife.js'], ['triiiceratops/dist/triiiceratops-element.css'], `
      const viewer = document.createElement('triiiceratops-viewer');
      viewer.style = 'display: block; height: 100%';
      viewer.config = { gallery: { open: true, dockPosition: 'bottom' } };
      // Only plugins get hold of the state. This one has an empty button and an empty panel.
      viewer.plugins = [{ name: 'driver', icon: () => {}, panel: () => {}, onInit: (state) => { window.osd = () => state.osdViewer; } }];
      viewer.manifestId = url;
      document.getElementById('viewer').append(viewer);`),
  },
};
