// The download menu, the embed dialog and the details dialog.

let dialogs = 0;

/** Creates a modal dialog with a title and a close button. It traps the focus until it's closed. */
function createDialog(title, text, ...children) {
  dialogs += 1;
  const heading = make("h2", { id: `iv-dialog-${dialogs}` }, title);
  const close = iconButton("close", text("close"), "Esc", () => dialog.close());
  const dialog = make("dialog", { class: "iv-dialog", "aria-labelledby": heading.id }, make("header", {}, heading, close), ...children);
  // Clicks on the backdrop target the dialog itself.
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  return dialog;
}

/** Creates a button that copies the text from `source()` and confirms it. */
function copyButton(text, source, field) {
  const button = make("button", { type: "button", class: "iv-copy" }, text("copy"));
  const said = make("span", { class: "iv-unseen", role: "status" });
  button.addEventListener("click", async () => {
    const isCopied = await copyText(source(), field);
    button.textContent = said.textContent = text(isCopied ? "copied" : "press");
    setTimeout(() => { button.textContent = text("copy"); said.textContent = ""; }, 1800);
  });
  return make("span", { class: "iv-copying" }, button, said);
}

/** Dialog with HTML for embedding an image in other pages. */
class EmbedDialog {
  constructor(text) {
    this.text = text;
    this.field = make("textarea", { class: "iv-code", readonly: true, rows: "8", spellcheck: "false", "aria-label": text("code") });
    this.field.addEventListener("focus", () => this.field.select());
    this.choices = make("div", { class: "iv-choices", role: "group", "aria-label": text("code") });
    const foot = make("footer", {}, copyButton(text, () => this.field.value, this.field));
    this.element = createDialog(text("embed"), text, this.choices, this.field, foot);
  }

  /** Opens the dialog. In the code, a comment precedes each variant: zoomable, then plain picture. */
  open(code) {
    // The hyphen is escaped as `\x2d`, because the start of an HTML comment has a special meaning in a script element.
    const parts = code.split(/^(?=<!\x2d- )/m).map((part) => part.replace(/^<!\x2d- .*? -->\n/, "").trim()).filter(Boolean);
    const names = [this.text("zoomable"), this.text("picture")];
    this.choices.replaceChildren(...parts.map((part, index) => this.#choice(names[index] ?? `${index + 1}`, part)));
    this.choices.hidden = parts.length < 2;
    this.#choose(this.choices.firstElementChild, parts[0]);
    this.element.showModal();
  }

  #choice(name, part) {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => this.#choose(button, part));
    return button;
  }

  #choose(button, part) {
    for (const other of this.choices.children) other.setAttribute("aria-pressed", String(other === button));
    this.field.value = part;
  }
}

/** Dialog with an image's dimensions and statistics and the URL of its `info.json`. */
class DetailsDialog {
  constructor(text, language) {
    this.text = text;
    this.language = language;
    this.list = make("dl", {});
    this.field = make("input", { class: "iv-info", readonly: true, spellcheck: "false", id: `iv-info-${dialogs + 1}` });
    this.field.addEventListener("focus", () => this.field.select());
    const label = make("label", { for: this.field.id }, text("info"));
    const row = make("div", { class: "iv-field" }, label, this.field, copyButton(text, () => this.field.value, this.field));
    this.element = createDialog(text("details"), text, this.list, row);
  }

  /** Opens the dialog. Unknown numbers are left out. */
  open(image) {
    const number = (value, digits = 0) => formatNumber(value, this.language, digits);
    const millions = image.width * image.height / 1e6;
    const facts = {
      identifier: image.id,
      size: image.width && this.text("pixels", { size: formatSize(image, this.language) }),
      megapixels: image.width && number(millions, millions < 0.1 ? 3 : 1),
      tiles: image.tiles && number(image.tiles),
      objects: image.objects && number(image.objects),
      bytes: image.bytes && formatBytes(image.bytes, this.language),
    };
    const rows = Object.entries(facts).filter(([, value]) => value);
    this.list.replaceChildren(...rows.map(([name, value]) => make("div", { class: `iv-fact-${name}` }, make("dt", {}, this.text(name)), make("dd", {}, value))));
    this.field.value = image.info;
    this.element.showModal();
  }
}

const formatNumber = (value, language, digits = 0) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

const formatSize = ({ width, height }, language) => `${formatNumber(width, language)} × ${formatNumber(height, language)}`;

function formatBytes(bytes, language) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${formatNumber(bytes / 1000 ** step, language, step ? 1 : 0)} ${units[step]}`;
}

/** Button that opens a menu of links to an image's stored sizes. */
class DownloadMenu {
  constructor(text, language) {
    this.text = text;
    this.language = language;
    this.button = textButton("download", text("download"), () => this.toggle());
    this.list = make("ul", { class: "iv-sizes iv-panel", id: `iv-sizes-${dialogs += 1}`, hidden: true });
    this.button.setAttribute("aria-expanded", "false");
    this.button.setAttribute("aria-controls", this.list.id);
    this.element = make("div", { class: "iv-menu" }, this.button, this.list);
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !this.element.contains(relatedTarget)) this.toggle(false);
    });
    document.addEventListener("pointerdown", ({ target }) => { if (!this.element.contains(target)) this.toggle(false); });
  }

  toggle(isOpen = this.list.hidden) {
    this.list.hidden = !isOpen;
    this.button.setAttribute("aria-expanded", String(isOpen));
  }

  /** Lists an image's sizes, or hides the button if they're unknown. */
  show(information, name) {
    this.toggle(false);
    const sizes = information ? downloadsOf(information).reverse() : [];
    this.element.hidden = sizes.length === 0;
    this.list.replaceChildren(...sizes.map((size) => this.#row(size, name)));
  }

  #row({ width, height, links }, name) {
    const label = formatSize({ width, height }, this.language);
    const file = `${name.replace(/[\\/:*?"<>|\p{Cc}]+/gu, "_").slice(0, 100)}-${width}x${height}`;
    return make("li", {}, make("span", {}, label), ...links.map((link) => this.#link(link, label, file)));
  }

  #link({ format, url }, label, file) {
    const address = webUrl(url);
    if (!address) return null;
    const title = format === "jpg" ? "JPEG" : format === "webp" ? "WebP" : format.toUpperCase();
    const link = make("a", { href: address, download: `${file}.${format}`, "aria-label": `${label}, ${title}` }, title);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || new URL(address).origin === location.origin) return;
      event.preventDefault();
      saveFrom(address, link.download);
    });
    return link;
  }

  #key(event) {
    const links = [...this.list.querySelectorAll("a")];
    if (event.key === "Escape" && !this.list.hidden) {
      event.stopPropagation();
      this.toggle(false);
      this.button.focus();
    } else if (["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      this.toggle(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      const at = links.indexOf(document.activeElement);
      links.at(at < 0 ? (step > 0 ? 0 : -1) : (at + step + links.length) % links.length)?.focus();
    }
  }
}

/** Saves a file from another site. Fetches it first, because browsers open cross-origin links. Opens it if that fails. */
async function saveFrom(url, name) {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const address = URL.createObjectURL(await response.blob());
    make("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch {
    open(url, "_blank", "noopener");
  }
}
