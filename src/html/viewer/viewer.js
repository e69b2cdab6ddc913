// The viewer: its images, the bar below them, the URL and keyboard shortcuts.

/** Polling interval for a growing list of images. */
const POLL_MS = 700;
const MAX_FAILED_POLLS = 3;

class Viewer {
  constructor(root) {
    this.root = root;
    Object.assign(this, textsFor(root));
    const { base, page, images, direction } = root.dataset;
    this.places = new Places(base?.replace(/\/$/, ""), page);
    this.isRightToLeft = direction === "right-to-left";
    this.isSpread = false;
    this.images = this.#normalized(images ? JSON.parse(document.getElementById(images).textContent) : imagesOf(root));
    // Thumbnails wait until the files have been located.
    this.ready = this.places.here ? new Promise((resolve) => { this.settlePlaces = resolve; }) : Promise.resolve();
    this.#build();
    this.stage.start();
    addEventListener("popstate", () => this.#followUrl());
    root.addEventListener("keydown", (event) => this.#key(event));
    if (page !== undefined) document.addEventListener("keydown", (event) => { if (document.activeElement === document.body) this.#turnByKey(event); });
    this.#begin();
  }

  get osd() {
    return this.stage.osd;
  }

  /** Fills in defaults for missing values. Drops images with the same identifier as an earlier image. */
  #normalized(list) {
    const { credit, rights } = this.root.dataset;
    const known = new Map();
    for (const entry of list) {
      const info = webUrl(entry.info);
      const id = entry.id ?? info;
      if (info && !known.has(id)) known.set(id, { ...entry, id, info, title: entry.title || id, credit: entry.credit ?? credit, rights: entry.rights ?? rights });
    }
    return [...known.values()];
  }

  #build() {
    const { text, language, root, isRightToLeft } = this;
    const onTurn = (step) => this.turn(typeof step === "number" ? step : (step === "right") === isRightToLeft ? -1 : 1);
    const onSpread = () => this.#toggleSpread();
    this.stage = new Stage({ text, language, onTurn, onSpread, onView: () => this.#writeView() });
    this.stage.element.classList.toggle("iv-right-to-left", isRightToLeft);
    this.stage.spread.hidden = root.dataset.spreads === undefined || this.images.length < 2;
    this.stage.onRepair = (view) => this.open(this.index, { view, isRetry: true });
    const thumbnail = (image) => this.#thumbnail(image);
    this.strip = new Strip({ label: text("images"), isRightToLeft, thumbnail, onSelect: (image) => this.open(this.images.indexOf(image), { isStep: true }) });
    this.#buildBar();
    this.embedding = new EmbedDialog(text);
    this.figures = new DetailsDialog(text, language);
    root.replaceChildren(this.stage.element, this.strip.element, this.bar, this.embedding.element, this.figures.element);
    root.classList.add("iv-started");
  }

  #buildBar() {
    const { text, language, root } = this;
    this.heading = make(root.dataset.page === undefined ? "h2" : "h1", { class: "iv-title", dir: "auto" });
    this.meta = make("p", { class: "iv-meta" });
    this.download = new DownloadMenu(text, language);
    this.embed = textButton("embed", text("embed"), () => this.embedding.open(this.image.embed));
    this.copy = textButton("copyLink", text("copyLink"), () => this.#copyLink());
    this.details = textButton("details", text("details"), () => this.figures.open(this.image));
    const about = make("div", { class: "iv-about", hidden: root.dataset.bar === "none" }, this.heading, this.meta);
    this.hidden = make("input", { class: "iv-unseen", tabindex: "-1", "aria-hidden": "true", readonly: true });
    this.bar = make("div", { class: "iv-bar", hidden: true }, about,
      make("div", { class: "iv-actions" }, this.download.element, this.embed, this.copy, this.details, this.hidden));
  }

  /** Opens the image named in the URL, or the first image. */
  #begin() {
    this.strip.update(this.images);
    const { updates } = this.root.dataset;
    this.root.classList.toggle("iv-complete", !updates);
    if (updates) this.#followList(updates);
    else if (this.images.length) this.#followUrl(true);
    else this.stage.tell(this.text("empty"), { isAlone: true });
  }

  get image() {
    return this.images[this.index];
  }

  /** Returns the images to show for this index: a book page and its facing page, or a single image. */
  #shownWith(index) {
    if (!this.isSpread || index === 0) return [this.images[index]];
    const first = index - (index + 1) % 2;
    return this.images.slice(first, first + 2);
  }

  /** Opens an image. `isStep` adds it to the history, so Back returns to the previous image. */
  async open(index, { view = HOME, isStep = false, isRetry = false } = {}) {
    // Back returns to the previous view, so save it first. Without a step, the URL already has the new view.
    if (isStep) this.#writeView();
    const shown = this.#shownWith(index);
    this.index = this.images.indexOf(shown[0]);
    this.shown = shown;
    const turn = this.turns = (this.turns ?? 0) + 1;
    const title = shown.map((image) => image.title).join(" – ");
    this.view = view;
    this.information = null;
    this.stage.load(title);
    this.#describe(title);
    this.#writeUrl(isStep, view);
    this.root.dispatchEvent(new CustomEvent("iiif-viewer:change", { bubbles: true, detail: { index: this.index, id: this.image.id, title } }));
    if (!view.region && !view.rotation && shown.length === 1) this.#showPlaceholder(turn);
    try {
      const informations = await Promise.all(shown.map((image) => this.#information(image, isRetry)));
      if (turn === this.turns) this.#opened(informations, title);
    } catch (error) {
      if (turn === this.turns) this.#failed(error, view);
    }
  }

  async #showPlaceholder(turn) {
    const thumbnail = await this.#thumbnail(this.image).catch(() => null);
    if (thumbnail && turn === this.turns) this.stage.placehold(thumbnail);
  }

  async #information(image, isRetry) {
    try {
      const information = await this.places.information(image.info, isRetry);
      if (!(information?.width > 0 && information.height > 0)) throw new Error("info.json");
      return information;
    } finally {
      this.settlePlaces?.();
    }
  }

  #opened(informations, title) {
    const [first] = informations;
    this.information = first;
    if (this.image.width !== first.width || this.image.height !== first.height) {
      // The image was replaced after the list was written, or its size wasn't listed.
      Object.assign(this.image, { width: first.width, height: first.height, tiles: null, objects: null, bytes: null });
    }
    this.#describe(title);
    this.download.show(first, this.image.title);
    this.stage.open(informations, this.view, this.isRightToLeft);
    const base = baseUri(first);
    if (!this.image.moves && base !== folderOf(this.places.present(this.image.info))) {
      this.stage.tell(this.text("elsewhere", { base }));
    }
  }

  #failed(error, view) {
    this.download.show(null);
    const detail = error instanceof TypeError ? "" : ` (${error.message})`;
    const message = `${this.text("imageFailed")} ${this.places.present(this.image.info)}${detail}`;
    this.stage.fail(message, () => this.open(this.index, { view, isRetry: true }));
  }

  /** Updates the bar and the strip. */
  #describe(title) {
    const { image, images, information, text } = this;
    this.bar.hidden = false;
    this.heading.textContent = title;
    const rights = webUrl(image.rights ?? rightsOf(information) ?? "", "about:blank");
    const credit = image.credit ?? information?.attribution;
    const position = images.length > 1 && text("position", { n: this.index + 1, total: images.length });
    const size = image.width && text("pixels", { size: formatSize(image, this.language) });
    const parts = [position, typeof credit === "string" && make("span", { dir: "auto" }, credit),
      rights && make("a", { href: rights, rel: "license noopener" }, licenseName(rights)), size];
    this.meta.replaceChildren(...parts.filter(Boolean).map((part) => make("span", {}, part)));
    this.embed.hidden = !image.embed;
    this.stage.previous.setAttribute("aria-disabled", String(!this.#neighbor(-1)));
    this.stage.next.setAttribute("aria-disabled", String(!this.#neighbor(1)));
    this.stage.previous.hidden = this.stage.next.hidden = images.length < 2;
    this.strip.mark(this.shown);
    if (this.root.dataset.page !== undefined) document.title = title;
  }

  async #thumbnail(image) {
    if (image.thumbnail) return webUrl(image.thumbnail);
    await this.ready;
    const folder = image.moves ? baseUri(await this.places.information(image.info)) : folderOf(this.places.present(image.info));
    return `${folder}/full/200,/0/default.jpg`;
  }

  #neighbor(step) {
    const to = step > 0 ? this.index + this.shown.length : this.index - 1;
    return to >= 0 && to < this.images.length ? this.images[to] : undefined;
  }

  /** Shows the next image, or the previous image if `step` is negative. */
  turn(step) {
    const neighbor = this.index === undefined ? undefined : this.#neighbor(step);
    if (neighbor) this.open(this.images.indexOf(neighbor), { isStep: true });
  }

  #toggleSpread() {
    this.#setSpread(!this.isSpread);
    this.open(this.index);
  }

  #setSpread(isSpread) {
    this.isSpread = isSpread;
    rename(this.stage.spread, this.text(isSpread ? "onePage" : "twoPages"));
  }

  get ownsUrl() {
    return window.iiifViewer.viewers[0] === this || window.iiifViewer.viewers.length === 0;
  }

  /** Opens the image and view in the URL. Ignores fragments that don't name an image, such as anchors elsewhere on the page. */
  #followUrl(isFirst = false) {
    if (!this.ownsUrl && !isFirst) return;
    const { id, isSpread, ...view } = parseFragment(this.ownsUrl ? location.hash : "");
    const found = this.images.findIndex((image) => image.id === id);
    if (found < 0 && id && !isFirst) return;
    const index = Math.max(found, 0);
    const isSame = this.image && this.shown.includes(this.images[index]) && this.isSpread === isSpread;
    this.#setSpread(isSpread && !this.stage.spread.hidden);
    if (isSame) this.stage.show(view); else this.open(index, { view });
  }

  #writeView() {
    if (this.image && this.osd.isOpen()) this.#writeUrl(false, this.stage.view());
  }

  /** Writes the image and its view to the URL. */
  #writeUrl(isStep, view) {
    if (!this.ownsUrl) return;
    const fragment = formatFragment({ id: this.image.id, isSpread: this.isSpread, ...view });
    const isStart = !location.hash && this.index === 0 && !view.region && !view.rotation && !this.isSpread;
    if (fragment === location.hash || isStart && !isStep) return;
    if (isStep) history.pushState(null, "", fragment); else history.replaceState(null, "", fragment);
  }

  async #copyLink() {
    this.#writeView();
    const isCopied = await copyText(location.href, this.hidden);
    const label = this.copy.querySelector("span");
    label.textContent = this.stage.said.textContent = this.text(isCopied ? "copied" : "press");
    this.copy.focus();
    setTimeout(() => { label.textContent = this.text("copyLink"); }, 1800);
  }

  #key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog, input, textarea, .iv-menu")) return;
    // A key that is held down zooms in small steps.
    const zoom = event.repeat ? 1.2 : 2;
    const actions = {
      0: () => this.stage.whole(), r: () => this.stage.rotate(90), R: () => this.stage.rotate(-90), f: () => this.stage.toggleFullScreen(),
      n: () => this.turn(1), p: () => this.turn(-1), "+": () => this.stage.zoomBy(zoom), "=": () => this.stage.zoomBy(zoom),
      "-": () => this.stage.zoomBy(1 / zoom),
    };
    const isOnCanvas = this.stage.canvas.contains(target);
    const action = Object.hasOwn(actions, key) && actions[key];
    if (action) {
      event.preventDefault();
      event.stopPropagation();
      action();
    } else if (isOnCanvas || key.startsWith("Page")) {
      this.#turnByKey(event);
    }
  }

  /** Turns pages with Page Up and Page Down, and with the arrow keys while the whole image is visible. */
  #turnByKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const forward = this.isRightToLeft ? -1 : 1;
    const step = { PageDown: 1, PageUp: -1, ...(this.stage.isWhole() && { ArrowRight: forward, ArrowLeft: -forward }) }[event.key];
    if (!step || this.images.length < 2) return;
    event.preventDefault();
    event.stopPropagation();
    this.turn(step);
  }

  /** Polls a list of images that are still being published. */
  async #followList(address) {
    for (let failures = 0; failures < MAX_FAILED_POLLS;) {
      try {
        const state = await fetchJson(address, true);
        failures = 0;
        this.#receive(state);
        if (state.done) return;
      } catch {
        failures += 1;
      }
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    }
    this.#showProgress(this.text("ended"));
  }

  #receive({ images, total, failed, done }) {
    const before = this.image;
    // Images already on the page keep their known values.
    const known = new Map(this.images.map((image) => [image.id, image]));
    this.images = this.#normalized(images).map((image) => known.get(image.id) ?? image);
    this.strip.update(this.images);
    const { id } = parseFragment(location.hash);
    if (before) {
      this.index = this.images.indexOf(before);
      this.#describe(this.heading.textContent);
    } else if (this.images.length && (done || !id || this.images.some((image) => image.id === id))) {
      this.#followUrl(true);
    } else {
      this.stage.tell(this.text(done ? "empty" : "preparing"), { isAlone: true });
    }
    const failures = failed ? ` (${this.text("failures", { n: failed })})` : "";
    this.#showProgress(done && !failed ? "" : this.text("progress", { done: this.images.length, total }) + failures);
    this.root.classList.toggle("iv-complete", done);
  }

  #showProgress(text) {
    this.stage.progress.textContent = text;
    this.stage.progress.hidden = !text;
  }
}

const rightsOf = (information) => [information?.rights, information?.license].flat().find((text) => typeof text === "string");

/** Returns the images from the `data-` attributes of a list that works without JavaScript. */
function imagesOf(root) {
  return [...root.querySelectorAll("[data-info]")].map((item) => {
    const { id, info, title, width, height, credit, rights, embed, thumbnail } = item.dataset;
    const picture = item.querySelector("img");
    return {
      id, info, title: title ?? picture?.alt, credit, rights, embed, width: Number(width) || null, height: Number(height) || null,
      thumbnail: thumbnail ?? picture?.currentSrc ?? picture?.src,
    };
  });
}

/** Starts the viewer in an element. */
function start(root) {
  if (root.classList.contains("iv-started")) return;
  window.iiifViewer.viewers.push(new Viewer(root));
}

window.iiifViewer = { start, viewers: [] };
const startAll = () => document.querySelectorAll(".iiif-viewer").forEach(start);
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAll); else startAll();
