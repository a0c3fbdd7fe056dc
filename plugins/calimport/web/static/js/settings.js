// How the calendar is configured.
import { h } from "./dom.js";
import { written } from "./time.js";

export async function settings({ id, calendar, mayWrite }) {
  const shown = (value) => (value === null || value === "" ? "–" : typeof value === "boolean" ? (value ? "yes" : "no") : String(value));
  return h("div", {},
    h("dl", { class: "pairs" }, Object.entries(calendar.config).map(([key, value]) => [h("dt", {}, key.replaceAll("_", " ")), h("dd", {}, shown(value))])),
    calendar.has_private_source && h("p", { class: "muted small" }, "The address looks private, so most of it is not shown."),
    h("p", { class: "muted small" }, `Set ${written(calendar.configured_at)}.`),
    mayWrite && calendar.config.kind !== "manual" && h("a", { class: "button", href: `edit?id=${id}` }, "Edit"));
}
