// What changed in a calendar, column by column, before and after.
import { airflowLink, ours } from "./airflow.js";
import { confirmed } from "./dialog.js";
import { box, fill, h } from "./dom.js";
import { time, written } from "./time.js";
import { ACTIONS, badge, counted, outcomeBadge } from "./words.js";

export async function changes(context) {
  const run = new URLSearchParams(location.search).get("run");
  const list = h("ul", { class: "rows" });
  const more = h("div", { class: "bar" });
  const head = h("div");
  const content = h("div", {}, head, list, more);
  await load(null);
  return content;

  async function load(before) {
    const query = new URLSearchParams({ ...(run && { run }), ...(before && { before }) });
    const found = await ours(`calendars/${context.id}/changes?${query}`);
    list.append(...found.changes.map(item));
    if (run) fill(head, ofRun(found.changes[0]));
    if (!list.children.length) fill(head, head.children.length ? [...head.children] : null, h("p", { class: "muted" }, "Nothing has changed yet."));
    fill(more, found.more && h("button", { type: "button", onclick: () => load(found.changes.at(-1).id) }, "Earlier changes"));
  }

  async function apply() {
    const sure = await confirmed("Apply this plan?", { text: "Exactly what is listed here is done, if nothing has changed since.", yes: "Apply" });
    if (!sure) return;
    await context.act((counts) => `Applied: ${counted(counts)}.`, () => ours(`calendars/${context.id}/runs/${encodeURIComponent(run)}/apply`, { method: "POST" }));
  }

  function ofRun(first) {
    const planned = first?.outcome === "planned";
    return box(planned ? "warn" : "busy", planned ? "A dry run planned this, and did not apply it: " : "What one run did: ",
      airflowLink(`dags/${first?.dag_id ?? "calendar_import"}/runs/${encodeURIComponent(run)}`, {}, run), ". ",
      h("a", { href: `?id=${context.id}#changes` }, "Show all changes"),
      planned && context.mayWrite && h("div", { class: "bar" }, h("button", { type: "button", class: "small", onclick: apply }, "Apply this plan")));
  }
}

/** One change; also for held deletions. */
export function item(change) {
  const label = change.held ? ["Removal held", "warn"] : ACTIONS[change.action];
  const isUpdate = change.action === "update";
  return h("li", {},
    h("div", { class: "bar" }, badge(label), h("strong", { class: "wrap" }, change.title ?? "(untitled)"),
      h("span", { class: "muted small" }, change.start_at ? `starts ${written(change.start_at)}` : ""), h("span", { class: "grow" }),
      change.outcome && change.outcome !== "imported" ? outcomeBadge(change.outcome) : null,
      h("span", { class: "muted small" }, time(change.changed_at))),
    isUpdate ? columns(change) : h("details", {}, h("summary", { class: "small muted" }, "All columns"), columns(change)));
}

function columns(change) {
  const sides = { insert: ["after"], delete: ["before"], update: ["before", "after"] }[change.action];
  return h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Column"), sides.map((side) => h("th", { scope: "col" }, side === "before" ? "Before" : "After")))),
    h("tbody", {}, change.columns.filter((one) => sides.some((side) => filled(one[side]))).map((one) =>
      h("tr", {}, h("th", { scope: "row" }, one.column), sides.map((side) => h("td", { class: sides.length > 1 ? side : "" }, text(one[side])))))));
}

const filled = (value) => value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0);

function text(value) {
  if (!filled(value)) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
