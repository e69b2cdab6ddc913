// URL fragments, `#id&xywh=x,y,w,h&rotation=90&pages=2`, and the locations of published files.

/** Splits a fragment into an image's identifier and a view. `xywh` is in image pixels and may extend beyond the image. */
function parseFragment(fragment) {
  const [id, ...options] = fragment.replace(/^#/, "").split("&");
  const values = new URLSearchParams(options.join("&"));
  const region = (values.get("xywh") ?? "").split(",").map(Number);
  const isRegion = region.length === 4 && region.every(Number.isFinite) && region[2] > 0 && region[3] > 0;
  const turns = Math.round(Number(values.get("rotation")) / 90);
  return {
    id: decoded(id),
    region: isRegion ? region : null,
    rotation: Number.isFinite(turns) ? (((turns % 4) + 4) % 4) * 90 : 0,
    isSpread: values.get("pages") === "2",
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Returns the fragment for a view. Coordinates have enough decimals for the restored view to look the same. */
function formatFragment({ id, region, rotation, isSpread }) {
  const decimals = region && region[2] < 100 ? 2 : region && region[2] < 1000 ? 1 : 0;
  const xywh = region ? `&xywh=${region.map((value) => Number(value.toFixed(decimals))).join(",")}` : "";
  return `#${encodeURIComponent(id)}${xywh}${rotation ? `&rotation=${rotation}` : ""}${isSpread ? "&pages=2" : ""}`;
}

/** Returns an absolute URL, or null if a page may not load or link to it. */
function webUrl(text, base = document.baseURI) {
  try {
    const url = new URL(text, base);
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const folderOf = (url) => url.replace(/[?#].*$/, "").replace(/\/[^/]*$/, "");

/** Fetches JSON. A retry bypasses the browser's cache. */
async function fetchJson(url, isRetry = false) {
  const response = await fetch(url, { cache: isRetry ? "reload" : "default", credentials: "same-origin" });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}

/**
 * Finds published files whose addresses begin with `base`. If the tree was moved or is served at a different address, looks for
 * them relative to this page.
 */
class Places {
  constructor(base, page) {
    this.base = base;
    this.here = page && webUrl(page) !== webUrl(location.href.replace(/[?#].*$/, "")) ? folderOf(location.href) : null;
  }

  #moved(url) {
    return this.here && url.startsWith(`${this.base}/`) ? this.here + url.slice(this.base.length) : null;
  }

  /** Returns a URL's current address. */
  present(url) {
    return this.#moved(url) ?? url;
  }

  /** Fetches an `info.json` and sets its `id` to the tiles' current location. Stops looking near this page if the first file isn't there. */
  async information(address, isRetry) {
    const moved = this.#moved(address);
    if (moved) {
      try {
        return this.#relocated(await fetchJson(moved, isRetry), moved);
      } catch (error) {
        if (isRetry || this.isFound) throw error;
        this.here = null;
      }
    }
    return this.#relocated(await fetchJson(address, isRetry), address);
  }

  /** Replaces the base of an `id` with the folder where its `info.json` was found. */
  #relocated(information, address) {
    this.isFound ||= Boolean(this.here);
    const name = "id" in information ? "id" : "@id";
    const id = String(information[name] ?? "").replace(/\/$/, "");
    const folder = folderOf(address);
    if (!this.base || !id.startsWith(`${this.base}/`) || id === folder) return information;
    // A versioned image's id has one more segment than the folder of its `info.json`.
    const path = id.slice(this.base.length);
    const above = path.slice(0, path.lastIndexOf("/"));
    if (folder.endsWith(path)) return { ...information, [name]: folder };
    if (above && folder.endsWith(above)) return { ...information, [name]: folder + path.slice(above.length) };
    return information;
  }
}

const baseUri = (information) => String(information.id ?? information["@id"] ?? "").replace(/\/$/, "");

/** Returns the downloads an `info.json` offers: each stored size, smallest first, with its URL in each format. */
function downloadsOf(information) {
  const isVersion2 = !information.id;
  const formats = isVersion2 ? information.profile?.[1]?.formats : information.extraFormats;
  const names = [...new Set(["jpg", ...(Array.isArray(formats) ? formats : [])])].filter((name) => /^\w+$/.test(name));
  const url = (size, format) => `${baseUri(information)}/full/${size}/0/default.${format}`;
  const sizes = [...(information.sizes ?? [])].filter(({ width, height }) => width > 0 && height > 0);
  sizes.sort((a, b) => a.width - b.width);
  const stored = sizes.map(({ width, height }) => {
    const size = isVersion2 ? `${width},` : `${width},${height}`;
    return { width, height, links: names.map((format) => ({ format, url: url(size, format) })) };
  });
  const largest = sizes.at(-1);
  const limit = information.maxWidth ?? (isVersion2 ? information.profile?.[1]?.maxWidth : undefined) ?? Infinity;
  const scale = Math.min(1, limit / information.width, limit / information.height);
  const isListed = largest && largest.width >= Math.floor(information.width * scale);
  if (isListed) return stored;
  const max = { width: Math.round(information.width * scale), height: Math.round(information.height * scale) };
  return [...stored, { ...max, links: names.map((format) => ({ format, url: url(isVersion2 ? "full" : "max", format) })) }];
}

const LICENSES = [
  [/^creativecommons\.org\/licenses\/([a-z-]+)\/([\d.]+)/, (match) => `CC ${match[1].toUpperCase()} ${match[2]}`],
  [/^creativecommons\.org\/publicdomain\/zero\/([\d.]+)/, (match) => `CC0 ${match[1]}`],
  [/^creativecommons\.org\/publicdomain\/mark\//, () => "Public Domain Mark"],
  [/^rightsstatements\.org\/(?:vocab|page)\/([\w-]+)/, (match) => STATEMENTS[match[1]] ?? match[1]],
];
// Names from https://rightsstatements.org/page/1.0/
const STATEMENTS = {
  InC: "In Copyright", "InC-OW-EU": "In Copyright – EU Orphan Work", "InC-EDU": "In Copyright – Educational Use Permitted",
  "InC-NC": "In Copyright – Non-Commercial Use Permitted", "InC-RUU": "In Copyright – Rights-holder(s) Unlocatable or Unidentifiable",
  "NoC-CR": "No Copyright – Contractual Restrictions", "NoC-NC": "No Copyright – Non-Commercial Use Only",
  "NoC-OKLR": "No Copyright – Other Known Legal Restrictions", "NoC-US": "No Copyright – United States",
  CNE: "Copyright Not Evaluated", UND: "Copyright Undetermined", NKC: "No Known Copyright",
};

/** Returns the short name of a license or rights statement. */
function licenseName(uri) {
  const name = uri.replace(/^https?:\/\/(www\.)?/, "");
  const known = LICENSES.map(([pattern, format]) => [name.match(pattern), format]).find(([match]) => match);
  return known ? known[1](known[0]) : name.split("/")[0];
}
