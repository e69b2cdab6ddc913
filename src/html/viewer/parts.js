// Interface elements.

const ICONS = {
  zoomIn: "M10 4v12M4 10h12",
  zoomOut: "M4 10h12",
  whole: "M4 4.5h12a1.5 1.5 0 0 1 1.5 1.5v8a1.5 1.5 0 0 1-1.5 1.5H4A1.5 1.5 0 0 1 2.5 14V6A1.5 1.5 0 0 1 4 4.5M6 10V8h2M14 10v2h-2",
  fitHeight: "M10 2.5v15M7 5.5l3-3 3 3M7 14.5l3 3 3-3",
  fitWidth: "M2.5 10h15M5.5 7l-3 3 3 3M14.5 7l3 3-3 3",
  rotate: "M15.8 8.2A6.3 6.3 0 1 0 16.3 11M16.2 3.6v4.7h-4.7",
  fullScreen: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  twoPages: "M10 5.2C8 3.8 5.4 3.5 2.5 3.8v11.5c2.9-.3 5.5 0 7.5 1.4M10 5.2c2-1.4 4.6-1.7 7.5-1.4v11.5c-2.9-.3-5.5 0-7.5 1.4M10 5.2v11.5",
  previous: "M12.5 4 6.5 10l6 6",
  next: "M7.5 4l6 6-6 6",
  download: "M10 3v10M6 9.5l4 4 4-4M3.5 16.5h13",
  embed: "M7 5.5 2.5 10 7 14.5M13 5.5l4.5 4.5-4.5 4.5",
  copyLink: "M8.5 11.5a3.2 3.2 0 0 0 4.6 0l3-3a3.25 3.25 0 0 0-4.6-4.6l-1 1M11.5 8.5a3.2 3.2 0 0 0-4.6 0l-3 3a3.25 3.25 0 0 0 4.6 4.6l1-1",
  details: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15M10 9.2v4.6M10 6.3v.1",
  close: "M5 5l10 10M15 5 5 15",
};

/** Creates an element. Text children are never parsed as HTML. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Creates a round button that only has an icon. The tooltip shows `keys`. */
function iconButton(name, label, keys, act) {
  const button = make("button", { type: "button", class: `iv-${dashed(name)}`, "aria-label": label, title: keys ? `${label} (${keys})` : label }, icon(name));
  button.addEventListener("click", act);
  return button;
}

/** Creates a button with an icon and text. */
function textButton(name, label, act) {
  const button = make("button", { type: "button", class: `iv-action iv-${dashed(name)}` }, icon(name), make("span", {}, label));
  button.addEventListener("click", act);
  return button;
}

const dashed = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Changes a button's name and tooltip. */
function rename(button, label) {
  button.setAttribute("aria-label", label);
  button.title = label;
}

/** Copies text. The Clipboard API needs HTTPS or localhost, so other pages fall back to `execCommand` on a field. */
async function copyText(text, field) {
  field.value = text;
  field.select();
  const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  return isCopied || document.execCommand("copy");
}
