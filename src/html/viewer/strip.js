// The thumbnail strip.

const STRIP_HEIGHT = 58;

/** A row of thumbnails. It's a single tab stop. Arrow keys move the focus, and Enter or Space selects an image. */
class Strip {
  constructor({ label, isRightToLeft, thumbnail, onSelect }) {
    this.isRightToLeft = isRightToLeft;
    this.thumbnail = thumbnail;
    this.onSelect = onSelect;
    this.element = make("div", { class: "iv-strip", role: "toolbar", "aria-label": label, dir: isRightToLeft ? "rtl" : "ltr", hidden: true });
    this.element.addEventListener("keydown", (event) => this.#walk(event));
    this.buttons = new Map();
  }

  /** Shows these images, reusing existing thumbnails. */
  update(images) {
    const buttons = images.map((image) => {
      if (!this.buttons.has(image.id)) this.buttons.set(image.id, this.#button(image));
      return this.buttons.get(image.id);
    });
    const isSame = buttons.length === this.element.children.length && buttons.every((button, index) => button === this.element.children[index]);
    if (!isSame) this.element.replaceChildren(...buttons);
    this.element.hidden = images.length < 2;
  }

  /** Marks the images currently shown. */
  mark(shown) {
    const ids = new Set(shown.map((image) => image.id));
    const first = this.buttons.get(shown[0]?.id);
    for (const [id, button] of this.buttons) {
      if (ids.has(id)) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
      button.tabIndex = button === first ? 0 : -1;
    }
    if (!first || this.element.hidden) return;
    // `scrollIntoView` would scroll the page, too.
    const { left, width } = first.getBoundingClientRect();
    const strip = this.element.getBoundingClientRect();
    const off = left + width / 2 - (strip.left + strip.width / 2);
    const isSeen = left >= strip.left + 16 && left + width <= strip.right - 16;
    if (!isSeen) this.element.scrollBy({ left: off, behavior: isStill() ? "auto" : "smooth" });
  }

  #button(image) {
    const button = make("button", { type: "button", title: image.title, "aria-label": image.title, tabindex: "-1" });
    const shape = image.width && image.height ? image.width / image.height : 0.75;
    button.style.width = `${Math.round(Math.min(150, Math.max(40, STRIP_HEIGHT * shape)))}px`;
    // Wide images are shown whole. Tall images fill the button, because a very narrow image would look like a line.
    const picture = make("img", { alt: "", loading: "lazy", decoding: "async", class: shape > 1 ? "iv-whole" : "" });
    picture.addEventListener("error", () => picture.remove());
    whenSeen(button, () => this.thumbnail(image).then((url) => { if (url) picture.src = url; }, () => {}));
    button.append(picture);
    button.addEventListener("click", () => this.onSelect(image));
    return button;
  }

  #walk(event) {
    const buttons = [...this.element.children];
    const here = buttons.indexOf(document.activeElement);
    const step = this.isRightToLeft ? -1 : 1;
    const to = { ArrowRight: here + step, ArrowLeft: here - step, Home: 0, End: buttons.length - 1 }[event.key];
    if (here < 0 || !buttons[to]) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[here].tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
  }
}

const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Calls `act` once the element is about to become visible. */
function whenSeen(element, act) {
  const observer = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    observer.disconnect();
    act();
  }, { rootMargin: "300px" });
  observer.observe(element);
}
