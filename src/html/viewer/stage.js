// The area that shows an image, with zoom, rotation and messages.

const MARGIN = 16;
/** Bottom margin on phones, where the buttons are below the image. */
const MARGIN_OF_BUTTONS = 76;
const PHONE = "(max-width: 40rem)";
/** Minimum ratio between the fill and whole-image zooms for offering a second home view, as for panoramas and scrolls. */
const MIN_FILL_RATIO = 2;
/** Delay after the last movement before the view is written to the URL. Browsers limit how often the URL can change. */
const VIEW_DELAY_MS = 250;
const MIN_SWIPE = 60;

class Stage {
  constructor({ text, language, onView, onTurn, onSpread }) {
    Object.assign(this, { text, language, onView, onTurn });
    this.canvas = make("div", { class: "iv-canvas" });
    this.placeholder = make("img", { class: "iv-placeholder", alt: "", hidden: true });
    this.spinner = make("div", { class: "iv-spinner", "aria-hidden": "true" });
    this.navigator = make("div", { class: "iv-navigator iv-panel", "aria-hidden": "true", hidden: true });
    this.scale = make("output", { class: "iv-scale", "aria-live": "off", title: text("scale") });
    this.said = make("span", { class: "iv-unseen iv-said", role: "status" });
    this.progress = make("p", { class: "iv-progress iv-panel", hidden: true });
    this.#makeNotice();
    this.#makeControls(onSpread);
    this.previous = iconButton("previous", text("previous"), "Page Up", () => onTurn(-1));
    this.next = iconButton("next", text("next"), "Page Down", () => onTurn(1));
    this.element = make("div", { class: "iv-stage" }, this.placeholder, this.canvas, this.spinner, this.controls, this.previous, this.next,
      this.navigator, this.progress, this.notice, this.said);
  }

  #makeNotice() {
    this.retry = make("button", { type: "button", class: "iv-retry", hidden: true }, this.text("retry"));
    this.retry.addEventListener("click", () => { this.canvas.querySelector("[tabindex]")?.focus(); this.onRetry(); });
    this.message = make("p", { role: "status" });
    this.notice = make("div", { class: "iv-notice iv-panel", hidden: true }, this.message, this.retry);
  }

  #makeControls(onSpread) {
    const { text } = this;
    this.fit = iconButton("fitHeight", text("fitHeight"), "", () => this.fill());
    this.spread = iconButton("twoPages", text("twoPages"), "", onSpread);
    this.fullScreen = iconButton("fullScreen", text("fullScreen"), "F", () => this.toggleFullScreen());
    // iPhones don't support full-screen elements.
    this.fullScreen.hidden = !document.fullscreenEnabled;
    this.spread.hidden = true;
    this.controls = make("div", { class: "iv-controls iv-panel", role: "group", "aria-label": text("view"), hidden: true },
      iconButton("zoomIn", text("zoomIn"), "+", () => this.zoomBy(2)), iconButton("zoomOut", text("zoomOut"), "−", () => this.zoomBy(0.5)),
      iconButton("whole", text("whole"), "0", () => this.whole()), this.fit,
      iconButton("rotate", text("rotate"), "R", () => this.rotate(90)), this.spread, this.fullScreen, this.scale);
  }

  /** Creates the OpenSeadragon viewer. The stage must already be in the document, because OpenSeadragon needs its size. */
  start() {
    // A Content-Security-Policy may forbid the style element that OpenSeadragon adds. It doesn't add one if it finds
    // its marker, so this adds a marked element that isn't an HTML style element. The viewer's stylesheet has the rule
    // instead.
    if (!document.querySelector("style[data-openseadragon-mobile-css]")) {
      const mark = document.createElementNS(null, "style");
      mark.setAttribute("data-openseadragon-mobile-css", "true");
      this.element.append(mark);
    }
    // The stage has its own buttons, so OpenSeadragon doesn't load button images. The canvas drawer renders the same pixels
    // on every machine, with or without a GPU.
    this.osd = OpenSeadragon({
      element: this.canvas, drawer: "canvas", showNavigationControl: false,
      showNavigator: true, navigatorElement: this.navigator, navigatorOpacity: 1, navigatorDisplayRegionColor: "#fff",
      viewportMargins: this.#margins(), visibilityRatio: 1, maxZoomPixelRatio: 4, animationTime: isStill() ? 0 : 0.7,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, tileRetryMax: 2, tileRetryDelay: 1000,
    });
    this.osd.canvas.setAttribute("role", "application");
    this.osd.addHandler("open", () => this.#opened());
    this.osd.addHandler("tile-load-failed", ({ tile, maxReached }) => { if (maxReached) this.#tileFailed(tile); });
    this.osd.addHandler("update-viewport", () => this.#viewChanged());
    this.osd.addHandler("resize", () => this.#resized());
    this.osd.addHandler("canvas-key", (event) => this.#key(event));
    // Once the user has moved the image, resizing the window no longer restores the view from the link.
    for (const name of ["canvas-drag", "canvas-scroll", "canvas-pinch", "canvas-double-click"]) {
      this.osd.addHandler(name, () => { this.intended = null; });
    }
    this.#watchSwipes();
    document.addEventListener("fullscreenchange", () => {
      rename(this.fullScreen, this.text(document.fullscreenElement === this.element ? "leaveFullScreen" : "fullScreen"));
    });
  }

  #margins() {
    return { left: MARGIN, top: MARGIN, right: MARGIN, bottom: matchMedia(PHONE).matches ? MARGIN_OF_BUTTONS : MARGIN };
  }

  /** Clears the stage for an image with this title and shows a spinner. */
  load(title) {
    this.title = title;
    this.#clear();
    this.element.classList.add("iv-loading");
    this.said.textContent = this.text("loading", { title });
  }

  /** Shows a thumbnail in place of the whole image until it's loaded. */
  placehold(thumbnail) {
    if (!this.element.classList.contains("iv-loading") || this.osd.isOpen() && !this.isWhole()) return;
    this.placeholder.src = thumbnail;
    this.placeholder.hidden = false;
  }

  #clear() {
    this.osd.close();
    this.missing = 0;
    this.placeholder.hidden = true;
    this.placeholder.removeAttribute("src");
    this.element.classList.remove("iv-loading");
    this.tell("");
  }

  /** Shows images side by side, given their `info.json`, at this view of the first image. */
  open(informations, view, isRightToLeft) {
    this.wanted = view;
    let x = 0;
    const items = informations.map((tileSource) => {
      const shape = tileSource.width / tileSource.height;
      const item = informations.length > 1 ? { tileSource, x: isRightToLeft ? -x - shape : x, y: 0, height: 1 } : { tileSource };
      x += shape;
      return item;
    });
    this.osd.canvas.setAttribute("aria-label", `${this.title}: ${this.text("keys")}`);
    this.osd.open(items);
  }

  #opened() {
    const { viewport, world } = this.osd;
    this.controls.hidden = this.navigator.hidden = false;
    viewport.setRotation(this.wanted.rotation, true);
    this.#limitZoom();
    this.#shapeNavigator();
    this.show(this.wanted, true);
    this.said.textContent = this.text("shown", { title: this.title });
    for (let index = 0; index < world.getItemCount(); index += 1) {
      world.getItemAt(index).addHandler("fully-loaded-change", ({ fullyLoaded }) => { if (fullyLoaded) this.#loaded(); });
    }
  }

  #loaded() {
    this.placeholder.hidden = true;
    this.element.classList.remove("iv-loading");
  }

  /** Shows a message, either alone in the middle or below an image. */
  tell(message, { isAlone = false, onRetry = null } = {}) {
    this.message.textContent = message;
    this.notice.hidden = !message;
    this.notice.classList.toggle("iv-alone", isAlone);
    this.retry.hidden = !onRetry;
    this.onRetry = onRetry;
  }

  /** Clears the stage and shows an error. */
  fail(message, onRetry) {
    this.#clear();
    this.controls.hidden = this.navigator.hidden = true;
    this.said.textContent = "";
    this.tell(message, { isAlone: true, onRetry });
  }

  #tileFailed(tile) {
    this.missing += 1;
    this.#loaded();
    const view = this.view();
    this.tell(`${this.text("tilesFailed")} (${formatNumber(this.missing, this.language)}: ${tile.getUrl()})`, { onRetry: () => this.onRepair(view) });
  }

  zoomBy(factor) {
    if (!this.osd.isOpen()) return;
    this.intended = null;
    this.osd.viewport.zoomBy(factor);
    this.osd.viewport.applyConstraints();
  }

  /** Returns the zoom levels that show the whole world and that fill the stage. Both take the rotation into account. */
  #fits() {
    const { viewport, world } = this.osd;
    const { width, height } = world.getHomeBounds();
    const [across, down] = viewport.getRotation() % 180 ? [height, width] : [width, height];
    const highest = down * viewport.getAspectRatio();
    return { whole: 1 / Math.max(across, highest), fill: 1 / Math.min(across, highest), isWide: across > highest };
  }

  #limitZoom() {
    const { whole, fill, isWide } = this.#fits();
    this.osd.viewport.minZoomLevel = whole * 0.8;
    this.fit.hidden = fill / whole < MIN_FILL_RATIO;
    rename(this.fit, this.text(isWide ? "fitHeight" : "fitWidth"));
    this.fit.replaceChildren(icon(isWide ? "fitHeight" : "fitWidth"));
  }

  /** Shows the whole image. */
  whole(isImmediate = false) {
    if (!this.osd.isOpen()) return;
    this.intended = { region: null, rotation: this.osd.viewport.getRotation() };
    this.#go(this.#fits().whole, this.osd.world.getHomeBounds().getCenter(), isImmediate);
  }

  /** Fits the height of a wide image, or the width of a tall image, starting at its top. */
  fill() {
    if (!this.osd.isOpen()) return;
    const { viewport, world } = this.osd;
    this.intended = null;
    const { fill, isWide } = this.#fits();
    const zoom = Math.min(fill, viewport.getMaxZoom());
    const { y } = world.getHomeBounds();
    const isUpright = viewport.getRotation() === 0;
    const center = viewport.getCenter();
    if (!isWide && isUpright) center.y = y + 0.5 / zoom / viewport.getAspectRatio();
    this.#go(zoom, center, false);
  }

  #go(zoom, center, isImmediate) {
    const { viewport } = this.osd;
    viewport.zoomTo(zoom, null, isImmediate);
    viewport.panTo(center, isImmediate);
    viewport.applyConstraints(isImmediate);
  }

  /** Rotates the image clockwise by a multiple of 90 degrees. */
  rotate(degrees) {
    if (!this.osd.isOpen()) return;
    const isWhole = this.isWhole();
    this.osd.viewport.setRotation(this.osd.viewport.getRotation() + degrees, isStill());
    this.#limitZoom();
    this.#shapeNavigator();
    this.intended = null;
    if (isWhole) this.whole(); else this.osd.viewport.applyConstraints();
  }

  isWhole() {
    return this.osd.isOpen() && Math.abs(this.osd.viewport.getZoom() / this.#fits().whole - 1) < 0.01;
  }

  /** Returns the current view: the rotation, and the region in image pixels, or null for the whole image. */
  view() {
    if (!this.osd.isOpen()) return this.wanted ?? HOME;
    const { viewport, world } = this.osd;
    const rotation = ((Math.round(viewport.getRotation()) % 360) + 360) % 360;
    if (this.isWhole()) return { region: null, rotation };
    const { x, y, width, height } = world.getItemAt(0).viewportToImageRectangle(viewport.getBoundsNoRotate());
    return { region: [x, y, width, height], rotation };
  }

  /** Moves to a view. The whole region is visible even if its aspect ratio differs from the stage's. */
  show({ region, rotation }, isImmediate = false) {
    if (!this.osd.isOpen()) return;
    const { viewport, world } = this.osd;
    this.intended = { region, rotation };
    viewport.setRotation(rotation, isImmediate);
    this.#limitZoom();
    if (!region) {
      this.whole(isImmediate);
      return;
    }
    const bounds = world.getItemAt(0).imageToViewportRectangle(...region);
    this.#go(1 / Math.max(bounds.width, bounds.height * viewport.getAspectRatio()), bounds.getCenter(), isImmediate);
  }

  #viewChanged() {
    if (!this.osd.isOpen()) return;
    const { viewport, world } = this.osd;
    const zoom = world.getItemAt(0).viewportToImageZoom(viewport.getZoom(true));
    this.scale.textContent = `${formatNumber(zoom * 100, this.language)} %`;
    this.wasWhole = this.isWhole();
    this.element.classList.toggle("iv-is-whole", this.wasWhole);
    if (!this.wasWhole) this.placeholder.hidden = true;
    clearTimeout(this.pending);
    this.pending = setTimeout(() => this.onView(), VIEW_DELAY_MS);
  }

  #resized() {
    if (!this.osd.isOpen()) return;
    const view = this.intended ?? (this.wasWhole ? { region: null, rotation: this.osd.viewport.getRotation() } : null);
    this.#shapeNavigator();
    this.osd.viewport.setMargins(this.#margins());
    this.#limitZoom();
    // OpenSeadragon sets its own zoom right after this event, so override it in the next event.
    if (view) this.osd.addOnceHandler("viewport-change", () => this.show(view, true));
  }

  /** Fits the map to the aspect ratio of the displayed images. It's at most 150 x 110 pixels, and each side is at least 16 pixels. */
  #shapeNavigator() {
    const { viewport, world } = this.osd;
    const { width, height } = world.getHomeBounds();
    const [across, down] = viewport.getRotation() % 180 ? [height, width] : [width, height];
    const fit = Math.min(150 / across, 110 / down) * (this.element.clientWidth < 640 ? 0.7 : 1);
    this.navigator.style.width = `${Math.max(16, Math.round(across * fit))}px`;
    this.navigator.style.height = `${Math.max(16, Math.round(down * fit))}px`;
    this.osd.navigator.updateSize();
  }

  toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen(); else if (document.fullscreenEnabled) this.element.requestFullscreen();
  }

  /**
   * Passes keys that have a different meaning here on to the viewer. OpenSeadragon finds plus and minus by their place on an American
   * keyboard, and zooms only in the next frames, so an arrow key that follows at once would still turn the page.
   */
  #key(event) {
    const { code } = event.originalEvent;
    this.intended = null;
    const turnsPages = /^Arrow(Left|Right)$/.test(code) && !this.next.hidden && this.isWhole();
    if (turnsPages || /^(Key[RFJK]|Digit0|Numpad0|Equal|Minus)$/.test(code)) event.preventDefaultAction = true;
  }

  /** Turns pages on swipes while the whole image is visible. */
  #watchSwipes() {
    let start = null;
    this.osd.addHandler("canvas-press", ({ position }) => { start = this.isWhole() ? position : null; });
    this.osd.addHandler("canvas-pinch", () => { start = null; });
    this.osd.addHandler("canvas-drag-end", (event) => {
      if (!start || event.pointerType !== "touch") return;
      const across = event.position.x - start.x;
      const down = event.position.y - start.y;
      if (Math.abs(across) > MIN_SWIPE && Math.abs(across) > 2 * Math.abs(down)) this.onTurn(across < 0 ? "right" : "left");
    });
  }
}

const HOME = { region: null, rotation: 0 };
