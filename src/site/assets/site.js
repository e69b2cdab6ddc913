"use strict";
const T = {/* texts */};
const root = document.body.dataset.root;
const at = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, T.group);

/** Creates an element. Text is never parsed as HTML. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Creates an icon from constant paths. */
function icon(paths) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", paths);
  svg.append(path);
  return svg;
}

// Encodes a path the same way as the links in the pages.
const encoded = (path) => path.split("/").map((part) => encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)).join("/");

/* ---- Search ------------------------------------------------------------------------------------------------------- */

const RESULTS = 30; // objects to show at a time
const FIRST_RESULTS = 6; // objects to show before the rest of their records has loaded: as many as browsers load at once
const VALUES = 8; // values to show per facet before expanding it

// These rules must match those used to build the index.
const MAX_WORD = 32;
const JOINED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]/u;
const plainText = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\p{M}/gu, "");

/** Splits a query into groups of words. Character pairs from a script without spaces form one group. The last word may be incomplete. */
function queryWords(text) {
  const words = [];
  for (const run of plainText(text).match(/[\p{Alphabetic}\p{N}]+/gu) ?? []) {
    for (const part of run.match(new RegExp(`${JOINED.source}+|[^${JOINED.source.slice(1)}+`, "gu")) ?? []) {
      const letters = [...part];
      if (!JOINED.test(part)) words.push({ word: letters.slice(0, MAX_WORD).join(""), open: false });
      else if (letters.length === 1) words.push({ word: part, open: true });
      else for (let i = 0; i + 1 < letters.length; i += 1) words.push({ word: letters[i] + letters[i + 1], open: false });
    }
  }
  if (words.length && !/\s$/.test(text)) words.at(-1).open = true;
  return words;
}

class Index {
  constructor(base) {
    this.base = base;
    this.files = new Map();
  }

  async open(fresh = false) {
    const response = await fetch(`${this.base}site.json`, { cache: fresh ? "reload" : "default" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    this.directory = await response.json();
    let first = 0;
    for (const shard of this.directory.shards) {
      shard.first = first;
      first += shard.count;
    }
    return this;
  }

  /** Loads an index file, unless it's already loaded. */
  file(name) {
    if (!this.files.has(name)) {
      const load = fetch(`${this.base}search/${name}.json`).then((response) => {
        if (!response.ok) throw new Error(`status ${response.status}`);
        return response.json();
      });
      load.catch(() => this.files.delete(name));
      this.files.set(name, load.then((file) => file.data));
    }
    return this.files.get(name);
  }

  /** Returns the documents in a shard that contain a word, scored 2 for titles and 1 for other text. */
  async documents(shard, { word, open }) {
    const isPrefix = open && ([...word].length > 1 || JOINED.test(word));
    const last = isPrefix ? `${word}\uffff` : word;
    const blocks = shard.blocks.filter(([first], index) => {
      const next = shard.blocks[index + 1]?.[0];
      return first <= last && (next === undefined || next > word);
    });
    const found = new Map();
    for (const block of await Promise.all(blocks.slice(0, 3).map(([, name]) => this.file(name)))) {
      for (const [known, postings] of Object.entries(block)) {
        if (!(known === word || isPrefix && known.startsWith(word))) continue;
        let document = 0;
        for (const posting of postings) {
          document += posting >> 1;
          const score = (posting & 1 ? 4 : 1) + (known === word ? 1 : 0);
          found.set(document, Math.max(found.get(document) ?? 0, score));
        }
      }
    }
    return found;
  }

  /** Returns all documents in a shard that contain the words, each with its number and score. */
  async search(shard, words) {
    const found = await Promise.all(words.map((word) => this.documents(shard, word)));
    let documents = [];
    if (found.length) {
      found.sort((a, b) => a.size - b.size);
      for (const [document, score] of found[0]) {
        let sum = score;
        const hasAll = found.slice(1).every((other) => { const more = other.get(document); sum += more ?? 0; return more; });
        if (hasAll) documents.push({ document, score: sum });
      }
    } else {
      documents = Array.from({ length: shard.count }, (_, document) => ({ document, score: 0 }));
    }
    return documents.map(({ document, score }) => ({ shard, document, score, number: shard.first + document }));
  }

  /** Adds the position by title and the facet values to each document. */
  async addColumns(documents) {
    const shards = [...new Set(documents.map(({ shard }) => shard))];
    const columns = new Map(await Promise.all(shards.map(async (shard) => [shard, await this.file(shard.columns)])));
    for (const found of documents) {
      const { order, facets } = columns.get(found.shard);
      found.order = order[found.document];
      found.values = facets.map((facet) => [].concat(facet[found.document]));
    }
  }

  async record({ shard, document }) {
    const size = this.directory.recordObjects;
    const records = await this.file(shard.records[Math.floor(document / size)]);
    return records[document % size];
  }
}

/** Creates a list entry for an object, with the same elements as in the pages. */
function card([id, title, lang, dir, base, sizes, pages, caption]) {
  const ratio = Math.min(3, Math.max(0.5, sizes[0][0] / sizes[0][1]));
  const source = (size) => `${base.includes("://") ? "" : root}${base}/full/${size[0]},${size[1]}/0/default.jpg`;
  const picture = element("img", {
    src: source(sizes[0]), srcset: sizes.map((size) => `${source(size)} ${size[0]}w`).join(", "), sizes: `(max-width: 52rem) ${Math.round(ratio * 170)}px, ${Math.round(ratio * 220)}px`,
    width: sizes[0][0], height: sizes[0][1], alt: "", loading: "lazy", decoding: "async",
  });
  const frame = element("span", { class: "frame" }, picture);
  if (pages > 1) frame.append(element("span", { class: "badge" }, T.pages.replace("{}", number(pages))));
  const link = element("a", { href: `${root}objects/${encoded(id)}/index.html` }, frame, element("span", { class: "title", lang: lang || null, dir }, title));
  if (caption) link.append(element("span", { class: "caption", dir: "auto" }, caption));
  return element("li", { class: `card r${String(Math.round(ratio * 10)).padStart(2, "0")}` }, link);
}

/** Returns `true` if a document has one of a filter's values. */
const passes = (result, [facet, values]) => result.values[facet].some((value) => values.has(value));

/** The list of objects with search, filters and sorting. The URL holds its state. */
class List {
  constructor() {
    this.initial = { cards: [...at("grid").children], count: at("count").textContent };
    this.state = { q: "", sort: "", filters: new Map() };
    this.run = 0;
    this.counted = null; // documents and filters that the shown counts are based on
    at("q").addEventListener("input", () => { clearTimeout(this.timer); this.timer = setTimeout(() => this.changed({ q: at("q").value }, true), 250); });
    at("search").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(this.timer); this.changed({ q: at("q").value }); });
    addEventListener("popstate", () => this.restore());
    this.restore();
    // Show the filters before the first query.
    const idle = window.requestIdleCallback ?? ((act) => setTimeout(act, 200));
    idle(() => this.load().then(() => this.showFilters(this.counted), () => {}));
    at("q").addEventListener("focus", () => this.load().catch(() => {}), { once: true });
  }

  load(fresh = false) {
    if (!this.index || fresh) {
      this.index = new Index(`${root}site/`).open(fresh);
      this.index.then((index) => this.buildControls(index), () => { this.index = null; });
    }
    return this.index;
  }

  buildControls(index) {
    if (at("sort")) return;
    const sort = element("select", { id: "sort", onchange: () => this.changed({ sort: sort.value }) },
      element("option", { value: "" }, T.sort_order), element("option", { value: "title" }, T.sort_title));
    sort.value = this.state.sort;
    const filter = element("button", { type: "button", class: "plain filter", "aria-expanded": "false", "aria-controls": "facets",
      onclick: () => filter.setAttribute("aria-expanded", String(at("facets").classList.toggle("open"))) }, T.filters);
    filter.hidden = !index.directory.facets.some((facet) => facet.values.length);
    at("controls").append(element("span", { class: "chips", id: "chips" }), element("label", {}, element("span", {}, T.sort), sort), filter);
    at("controls").hidden = false;
    this.facets = index.directory.facets;
    const narrow = matchMedia("(max-width: 52rem)").matches;
    this.facets.forEach((facet, place) => {
      if (!facet.values.length) return;
      facet.list = element("ul");
      facet.shown = VALUES;
      at("facets").append(element("details", { open: !narrow && place < 4 }, element("summary", {}, facet.name), facet.list));
    });
    at("facets").hidden = !this.facets.some((facet) => facet.values.length);
  }

  restore() {
    const parameters = new URLSearchParams(location.search);
    const filters = new Map();
    for (const [name, value] of parameters) {
      if (name.startsWith("f.")) filters.set(name.slice(2), [...filters.get(name.slice(2)) ?? [], value]);
    }
    this.state = { q: parameters.get("q") ?? "", sort: parameters.get("sort") === "title" ? "title" : "", filters };
    at("q").value = this.state.q;
    if (at("sort")) at("sort").value = this.state.sort;
    this.show();
  }

  changed(change, replaces = false) {
    this.state = { ...this.state, ...change };
    const parameters = new URLSearchParams();
    if (this.state.q) parameters.set("q", this.state.q);
    if (this.state.sort) parameters.set("sort", this.state.sort);
    for (const [name, values] of this.state.filters) values.forEach((value) => parameters.append(`f.${name}`, value));
    const query = parameters.size ? `?${parameters}` : location.pathname;
    if (replaces) history.replaceState(null, "", query); else history.pushState(null, "", query);
    this.show();
  }

  toggle(name, value) {
    const filters = new Map(this.state.filters);
    const before = filters.get(name) ?? [];
    const after = before.includes(value) ? before.filter((other) => other !== value) : [...before, value];
    if (after.length) filters.set(name, after); else filters.delete(name);
    this.changed({ filters });
  }

  async show(isRetry = false) {
    const run = this.run += 1;
    const { q, sort, filters } = this.state;
    const words = queryWords(q);
    at("more")?.remove();
    if (!words.length && !sort && !filters.size) {
      at("grid").replaceChildren(...this.initial.cards);
      at("count").textContent = this.initial.count;
      at("pager").hidden = false;
      this.showFilters(null);
      return;
    }
    const slow = setTimeout(() => { at("count").textContent = T.searching; }, 300);
    try {
      const index = await this.load(isRetry);
      const { facets, shards } = index.directory;
      const chosen = [];
      for (const [name, values] of filters) {
        const facet = facets.findIndex((known) => known.name === name);
        if (facet < 0) continue;
        chosen.push([facet, new Set(values.map((value) => facets[facet].values.findIndex(([known]) => known === value)))]);
      }
      // Columns are large. A query that doesn't need them to find and sort objects shows those first, and counts later.
      const needsColumns = Boolean(sort || chosen.length);
      if (needsColumns) shards.forEach((shard) => index.file(shard.columns).catch(() => {}));
      const matching = (await Promise.all(shards.map((shard) => index.search(shard, words)))).flat();
      if (needsColumns) await index.addColumns(matching);
      if (run !== this.run) return;
      const found = matching.filter((result) => chosen.every((filter) => passes(result, filter)));
      found.sort(sort ? (a, b) => a.order - b.order : (a, b) => b.score - a.score || a.number - b.number);
      at("grid").replaceChildren();
      at("pager").hidden = true;
      clearTimeout(slow);
      at("count").textContent = !found.length ? T.no_results : found.length === 1 ? T.one_result : T.results.replace("{}", number(found.length));
      if (needsColumns || !facets.length) this.showFilters({ matching, chosen });
      await this.append(index, found, run);
      if (needsColumns || !facets.length || run !== this.run) return;
      await index.addColumns(matching);
      if (run === this.run) this.showFilters({ matching, chosen });
    } catch (error) {
      if (run !== this.run) return;
      // The index may have been replaced after its directory was loaded.
      if (!isRetry) return this.show(true);
      at("count").textContent = T.search_failed;
      console.warn(error);
    } finally {
      clearTimeout(slow);
    }
  }

  async append(index, found, run) {
    const loading = found.slice(0, RESULTS).map((result) => index.record(result));
    loading.forEach((record) => record.catch(() => {}));
    let isContinued = at("grid").children.length > 0;
    for (const part of [loading.slice(0, FIRST_RESULTS), loading.slice(FIRST_RESULTS)]) {
      const cards = (await Promise.all(part)).map(card);
      if (run !== this.run) return;
      at("grid").append(...cards);
      if (isContinued) cards[0]?.querySelector("a").focus();
      isContinued = false;
    }
    at("more")?.remove();
    const rest = found.slice(RESULTS);
    if (rest.length) {
      at("grid").after(element("button", { type: "button", class: "more", id: "more", onclick: () => this.append(index, rest, run) }, T.more));
    }
  }

  /** Shows the values to filter by. Each count is the number of objects that match the query and the filters of the other facets. */
  showFilters(counted) {
    this.counted = counted;
    if (!this.facets) return;
    this.facets.forEach((facet, place) => {
      if (!facet.list) return;
      const others = counted?.chosen.filter(([chosen]) => chosen !== place);
      const counts = new Map(counted ? [] : facet.values.map(([, count], value) => [value, count]));
      for (const result of counted?.matching ?? []) {
        if (others.every((filter) => passes(result, filter))) for (const value of result.values[place]) counts.set(value, (counts.get(value) ?? 0) + 1);
      }
      const chosen = this.state.filters.get(facet.name) ?? [];
      const values = facet.values.map(([name], value) => ({ name, count: counts.get(value) ?? 0, on: chosen.includes(name) }));
      const shown = values.filter(({ count, on }) => count || on).sort((a, b) => b.on - a.on || b.count - a.count);
      const focused = facet.list.contains(document.activeElement) ? document.activeElement.value : null;
      const item = ({ name, count, on }) => element("li", {}, element("label", {},
        element("input", { type: "checkbox", checked: on, value: name, onchange: () => this.toggle(facet.name, name) }),
        element("span", { dir: "auto" }, name), element("span", { class: "number" }, number(count))));
      facet.list.replaceChildren(...shown.slice(0, facet.shown).map(item));
      if (shown.length > facet.shown) {
        const more = () => { facet.shown = Infinity; this.showFilters(this.counted); };
        facet.list.append(element("li", {}, element("button", { type: "button", class: "plain", onclick: more }, T.more)));
      }
      facet.list.parentElement.hidden = !shown.length;
      if (focused !== null) [...facet.list.querySelectorAll("input")].find((input) => input.value === focused)?.focus();
    });
    const chip = (name, value) => element("button", { type: "button", class: "chip", "aria-label": `${T.clear}: ${name}, ${value}`, onclick: () => this.toggle(name, value) }, value, icon("M3 3l14 14M17 3L3 17"));
    at("chips")?.replaceChildren(...[...this.state.filters].flatMap(([name, values]) => values.map((value) => chip(name, value))));
  }
}

/* ---- Viewer ------------------------------------------------------------------------------------------------------- */

const MAX_STILL_MS = 3000; // how long the viewer waits for the picture of the page
const MIN_DOWNLOAD = 400; // longer side of the smallest picture worth downloading, in pixels

/** Deep-zoom viewer for an object's images. The URL holds the page and the view. */
class Viewer {
  constructor(stage) {
    this.stage = stage;
    this.links = [...at("strip").querySelectorAll("a")];
    this.pages = this.links.map((link) => {
      const sizes = link.dataset.sizes.split(" ");
      const whole = sizes.pop();
      return { base: link.dataset.base, alt: link.dataset.alt, whole, sizes: sizes.map((size) => size.split("x").map(Number)) };
    });
    this.rightToLeft = stage.dataset.direction === "right-to-left";
    this.isBook = "paged" in stage.dataset;
    this.opensAt = Number(stage.dataset.start ?? 1) - 1;
    this.page = this.opensAt;
    this.rotation = 0;
    this.spreads = this.isBook && matchMedia("(min-width: 60rem)").matches;
    const opens = (link, page, act = () => {}) => link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.go(page);
      act();
    });
    this.links.forEach((link, page) => opens(link, page));
    const showStage = () => stage.scrollIntoView({ behavior: still ? "auto" : "smooth" });
    for (const link of document.querySelectorAll("#contents a")) opens(link, Number(link.dataset.page) - 1, showStage);
    at("share").prepend(this.copyButton(T.copy_link, () => location.href));
    at("cite").after(this.copyButton(T.copy, () => at("cite").textContent));
    this.load();
  }

  copyButton(text, content) {
    const button = element("button", { type: "button", class: "plain" }, text);
    const said = element("span", { class: "unseen", role: "status" });
    button.addEventListener("click", async () => {
      const done = await navigator.clipboard?.writeText(content()).then(() => true, () => false) || this.copySelected(content());
      if (!done) return;
      button.textContent = said.textContent = T.copied;
      setTimeout(() => { button.textContent = text; said.textContent = ""; }, 2000);
    });
    const both = document.createDocumentFragment();
    both.append(button, said);
    return both;
  }

  // Browsers only provide the Clipboard API on HTTPS and localhost.
  copySelected(text) {
    const field = element("textarea", { class: "unseen" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }

  async load() {
    if (!location.hash) await this.seen();
    const script = element("script", { src: this.stage.dataset.viewer });
    script.addEventListener("load", () => this.start());
    script.addEventListener("error", () => { script.remove(); this.problem(() => this.load()); });
    document.head.append(script);
  }

  /** Resolves once the picture of the page is there, so that on a slow connection the viewer's script doesn't delay it. */
  async seen() {
    const picture = at("still")?.decode().catch(() => {});
    const hurried = new Promise((resolve) => { this.hurry = resolve; setTimeout(resolve, MAX_STILL_MS); });
    await Promise.race([picture, hurried]);
  }

  start() {
    // OpenSeadragon adds a style element unless it finds one, but the policy forbids that. Our stylesheet has the rule
    // instead.
    const place = document.createElementNS("http://www.w3.org/1998/Math/MathML", "style");
    place.setAttribute("data-openseadragon-mobile-css", "");
    document.head.append(place);
    this.stage.append(this.canvas = element("div", { class: "canvas" }));
    this.viewer = window.viewer = OpenSeadragon({
      element: this.canvas, drawer: "canvas", showNavigationControl: false, showNavigator: false,
      visibilityRatio: 1, minZoomImageRatio: 0.8, maxZoomPixelRatio: 4, animationTime: still ? 0 : 0.7,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true, scrollToZoom: true },
      viewportMargins: { left: 24, top: 24, right: 24, bottom: 24 },
    });
    this.viewer.canvas.setAttribute("role", "application");
    this.viewer.addHandler("open-failed", () => {});
    this.viewer.addHandler("animation-finish", () => this.moved());
    this.viewer.addHandler("canvas-key", (event) => this.key(event));
    this.buildTools();
    addEventListener("popstate", () => this.restore());
    this.restore();
  }

  buildTools() {
    const button = (name, paths, act, more = {}) => element("button", { type: "button", "aria-label": name, title: name, onclick: act, ...more }, icon(paths));
    const zoom = (factor) => () => this.zoom(factor);
    const tools = element("div", { class: "panel tools", role: "group", "aria-label": T.viewer },
      button(T.zoom_in, "M10 4v12M4 10h12", zoom(1.6)), button(T.zoom_out, "M4 10h12", zoom(1 / 1.6)),
      button(T.whole, "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4", () => { this.viewer.viewport.goHome(); }, { id: "whole" }),
      button(T.rotate, "M16 6v4h-4M15.5 10a6 6 0 1 1-1.6-4.2L16 8", () => this.rotate()));
    if (document.fullscreenEnabled) {
      tools.append(button(T.full_screen, "M12 3h5v5M17 3l-6 6M8 17H3v-5M3 17l6-6", () => { if (document.fullscreenElement) document.exitFullscreen(); else this.stage.requestFullscreen(); }));
    }
    this.stage.append(tools);
    if (this.pages.length < 2) return;
    const [left, right] = ["M12 4l-6 6 6 6", "M8 4l6 6-6 6"];
    const before = button(T.previous_page, this.rightToLeft ? right : left, () => this.step(-1), { id: "page-before" });
    const after = button(T.next_page, this.rightToLeft ? left : right, () => this.step(1), { id: "page-after" });
    const turn = element("div", { class: "panel turn", role: "group", "aria-label": T.pages.replace("{}", number(this.pages.length)) },
      ...(this.rightToLeft ? [after, element("output", { id: "where" }), before] : [before, element("output", { id: "where" }), after]));
    if (this.isBook) {
      turn.append(button(T.two_pages, "M10 5v11M10 5C8 4 5 4 2.5 4.5V15c2.500-.5 5.500 0 7.500 1 2-1 5-1.500 7.500-1V4.500C15 4 12 4 10 5z",
        () => { this.spreads = !this.spreads; this.go(this.page, true); }, { id: "spreads", "aria-pressed": String(this.spreads) }));
    }
    this.stage.append(turn);
  }

  /** Returns the pages to show side by side for a page. The first page is the cover and stands alone. */
  spread(page) {
    if (!this.spreads || page === 0) return [page];
    const first = page % 2 ? page : page - 1;
    return [first, first + 1].filter((it) => it < this.pages.length);
  }

  step(direction) {
    const shown = this.spread(this.page);
    const next = direction > 0 ? shown.at(-1) + 1 : shown[0] - 1;
    if (next >= 0 && next < this.pages.length) this.go(next);
  }

  key(event) {
    const { code, key, repeat, ctrlKey, metaKey, altKey } = event.originalEvent;
    // OpenSeadragon finds plus and minus by their place on an American keyboard.
    if (/^(Key[RF]|Equal|Minus)$/.test(code)) event.preventDefaultAction = true;
    const direction = { "+": 1, "=": 1, "-": -1 }[key];
    if (direction && !ctrlKey && !metaKey && !altKey) {
      event.originalEvent.preventDefault();
      this.zoom((repeat ? 1.2 : 2) ** direction);
    }
    if (code === "PageDown" || code === "PageUp") {
      event.preventDefaultAction = true;
      event.originalEvent.preventDefault();
      this.step(code === "PageDown" ? 1 : -1);
    }
  }

  zoom(factor) {
    this.viewer.viewport.zoomBy(factor);
    this.viewer.viewport.applyConstraints();
  }

  rotate() {
    this.rotation = (this.rotation + 90) % 360;
    this.viewer.viewport.setRotation(this.rotation);
    this.moved();
  }

  /** Opens a page as a new entry in the browser's history. */
  go(page, replaces = false) {
    this.page = page;
    this.rotation = 0;
    const hash = this.hash(null);
    if (replaces) history.replaceState(null, "", hash); else history.pushState(null, "", hash);
    this.open(null);
  }

  hash(view) {
    const parts = [];
    if (this.pages.length > 1) parts.push(`page=${this.page + 1}`);
    if (this.isBook) parts.push(`spread=${this.spreads ? 1 : 0}`);
    if (this.rotation) parts.push(`rotate=${this.rotation}`);
    if (view) parts.push(`view=${view.map((value) => Number(value.toFixed(4))).join(",")}`);
    return `#${parts.join("&")}`;
  }

  restore() {
    const state = new URLSearchParams(location.hash.slice(1));
    const page = Math.min(this.pages.length, Math.max(1, Number.parseInt(state.get("page"), 10) || this.opensAt + 1)) - 1;
    if (this.isBook && state.has("spread")) this.spreads = state.get("spread") === "1";
    const rotation = Number.parseInt(state.get("rotate"), 10) || 0;
    this.rotation = rotation % 90 ? 0 : ((rotation % 360) + 360) % 360;
    const view = (state.get("view") ?? "").split(",").map(Number);
    this.page = page;
    this.open(view.length === 4 && view.every(Number.isFinite) ? view : null);
  }

  /** Opens the images for the current page side by side, each with a height of 1. */
  async open(view) {
    const shown = this.spread(this.page);
    this.mark(shown);
    if (!this.viewer) {
      // The viewer starts with what the URL says.
      this.hurry?.();
      return;
    }
    const run = this.run = (this.run ?? 0) + 1;
    const inOrder = this.rightToLeft ? [...shown].reverse() : shown;
    this.stage.querySelector(".problem")?.remove();
    if (!this.stage.querySelector(".wait")) this.stage.append(element("span", { class: "wait", "aria-hidden": true }));
    this.settled = false;
    this.viewer.close();
    let x = 0;
    const images = inOrder.map((page) => {
      const [width, height] = this.pages[page].sizes.at(-1);
      const image = { page, x, y: 0, height: 1 };
      x += width / height;
      return image;
    });
    const add = (image) => new Promise((resolve, reject) => this.viewer.addTiledImage({
      tileSource: `${this.pages[image.page].base}/info.json`, x: image.x, y: image.y, height: image.height, success: resolve, error: reject,
    }));
    try {
      await Promise.all(images.map(add));
    } catch {
      if (run === this.run) this.problem(() => this.open(view));
      return;
    }
    if (run !== this.run) return;
    this.stage.querySelector(".wait")?.remove();
    this.stage.classList.add("open");
    this.viewer.viewport.setRotation(this.rotation, true);
    this.viewer.viewport.goHome(true);
    if (view) this.viewer.viewport.fitBounds(new OpenSeadragon.Rect(...view), true);
    this.viewer.forceRedraw();
    setTimeout(() => { if (run === this.run) this.settled = true; }, 100);
  }

  /** Writes the view to the URL without adding an entry to the browser's history. */
  moved() {
    if (!this.settled) return;
    const { viewport } = this.viewer;
    const isHome = Math.abs(viewport.getZoom() / viewport.getHomeZoom() - 1) < 0.01;
    const { x, y, width, height } = viewport.getBounds();
    history.replaceState(null, "", this.hash(isHome ? null : [x, y, width, height]) || "#");
  }

  mark(shown) {
    this.links.forEach((link, page) => {
      if (shown.includes(page)) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    });
    const strip = at("strip");
    const link = this.links[shown[0]];
    if (!strip.hidden) {
      const middle = (box) => (box.left + box.right) / 2;
      const left = middle(link.getBoundingClientRect()) - middle(strip.getBoundingClientRect());
      strip.scrollBy({ left, behavior: still || this.settled === undefined ? "auto" : "smooth" });
    }
    if (at("where")) at("where").textContent = `${shown.map((page) => page + 1).join("–")} / ${number(this.pages.length)}`;
    if (at("page-before")) {
      at("page-before").disabled = shown[0] === 0;
      at("page-after").disabled = shown.at(-1) === this.pages.length - 1;
    }
    const alternatives = shown.map((page) => this.pages[page].alt).filter(Boolean);
    const subject = alternatives.length ? alternatives.join(" ") : document.querySelector("h1").textContent;
    this.viewer?.canvas.setAttribute("aria-label", `${subject.replace(/\.$/, "")}. ${T.viewer_help}`);
    at("spreads")?.setAttribute("aria-pressed", String(this.spreads));
    this.showDownloads(this.pages[this.page]);
  }

  showDownloads({ base, sizes, whole }) {
    const path = (size, place) => place === sizes.length - 1 ? whole : `full/${size[0]},${size[1]}/0/default.jpg`;
    const item = (size, place) => element("li", {}, element("a", { href: `${base}/${path(size, place)}`, download: true }, `${size[0]} × ${size[1]} px`));
    const useful = (link, place) => place === sizes.length - 1 || Math.max(...sizes[place]) >= MIN_DOWNLOAD;
    at("downloads").replaceChildren(...sizes.map(item).filter(useful).reverse());
  }

  problem(retry) {
    this.viewer?.close();
    this.stage.classList.remove("open");
    this.stage.querySelector(".wait")?.remove();
    const box = element("div", { class: "problem", role: "alert" }, element("p", {}, T.image_failed),
      element("button", { type: "button", class: "plain", onclick: () => { box.remove(); retry(); } }, T.retry));
    this.stage.append(box);
  }
}

if (at("grid")) new List();
else if (at("stage")) new Viewer(at("stage"));
