// Elements. Whatever a feed said becomes a text node or the value of an attribute that cannot run; nothing parses HTML.

/** An element. `on…` properties are listeners, `dataset` is data, true and false set or leave out an attribute. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts these children in the place of all others. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** As fill, and the keyboard stays where it was: at the element in the same place. */
export function refill(element, ...children) {
  const stops = () => [...element.querySelectorAll("a[href], button, summary")];
  const at = stops().indexOf(document.activeElement);
  fill(element, ...children);
  if (at >= 0) stops()[at]?.focus();
  return element;
}

/** Says something to those who cannot see what changed. */
export function announce(text) {
  document.getElementById("status").textContent = text;
}

/** A link to a page on the web, or the text alone where it is none: a feed may say `javascript:`. */
export function webLink(address, follow) {
  let url = null;
  try {
    url = new URL(address);
  } catch {
    // no address
  }
  if (!url || !["http:", "https:"].includes(url.protocol)) return document.createTextNode(address);
  return h("a", { href: url.href, rel: "noopener noreferrer", target: "_blank", onclick: follow }, address);
}

/** A box that says something: kind is good, bad, warn or busy. */
export function box(kind, ...children) {
  return h("div", { class: `box ${kind}`, role: kind === "bad" ? "alert" : false }, ...children);
}
