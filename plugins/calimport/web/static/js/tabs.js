// Tabs in the manner of the ARIA practices: arrow keys move, and the address remembers which is open.
import { fill, h } from "./dom.js";

/** Builds tabs; each part is an async function of the context that returns its content. The first is the default. */
export function tabs(container, context, parts) {
  const panel = h("div", { role: "tabpanel", id: "panel", tabindex: "0" });
  const counts = {};
  const buttons = Object.entries(parts).map(([name, [text]]) => {
    counts[name] = h("span", { class: "count muted" });
    return h("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel", dataset: { name },
      onclick: () => choose(name), onkeydown: move,
    }, text, counts[name]);
  });
  let open = null;
  let turn = 0;
  fill(container, h("div", { role: "tablist", "aria-label": "Parts of this page" }, buttons), panel);
  addEventListener("hashchange", () => show(named()));
  show(named());

  function named() {
    const name = location.hash.slice(1);
    return name in parts ? name : Object.keys(parts)[0];
  }

  function choose(name) {
    history.replaceState(null, "", `#${name}`);
    show(name);
  }

  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = buttons.indexOf(event.currentTarget);
    const to = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1 : step && (at + step + buttons.length) % buttons.length;
    if (to === undefined) return;
    event.preventDefault();
    buttons[to].focus();
    choose(buttons[to].dataset.name);
  }

  async function show(name) {
    open = name;
    for (const button of buttons) {
      const isOpen = button.dataset.name === name;
      button.setAttribute("aria-selected", String(isOpen));
      button.tabIndex = isOpen ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `tab-${name}`);
    const current = ++turn;
    let content;
    try {
      content = await parts[name][1](context);
    } catch (error) {
      content = h("div", { class: "box bad", role: "alert" }, error.message);
    }
    if (current !== turn) return; // another one was opened meanwhile
    fill(panel, content);
    panel.dispatchEvent(new Event("shown"));
    content.dispatchEvent?.(new Event("shown"));
  }

  return {
    reload: () => show(open),
    count: (name, value) => (counts[name].textContent = value ? String(value) : ""),
  };
}
