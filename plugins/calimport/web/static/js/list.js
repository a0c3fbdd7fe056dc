// The list: what is asked for stands in the address, so that it can be kept, sent and gone back to.
import { airflowLink, ours } from "./airflow.js";
import { announce, box, fill, h, refill } from "./dom.js";
import { pausedWarning } from "./imports.js";
import { time } from "./time.js";
import { counted, freshness, number, outcomeBadge, STATES, stateBadge } from "./words.js";

const SIZE = 50;
const REFRESH = 30000;
const COLUMNS = [
  ["name", "Calendar"],
  ["state", "State"],
  ["kind", "Kind"],
  ["fetched", "Last import"],
  ["fresh", "Freshness"],
  ["next", "Next import"],
  ["changed", "Last change"],
  [null, "Events", "number"],
  ["notices", "Notices", "number"],
];
const ONLY = { "": "All calendars", late: "Late", held: "With held deletions", notices: "With notices" };

const asked = new URLSearchParams(location.search);
const run = asked.get("run");
const main = document.getElementById("main");
const title = h("h1", {}, "Calendars");
const add = h("a", { class: "button main", href: "edit", hidden: true }, "Add calendar");
const warning = h("div");
const chips = h("ul", { class: "chips", "aria-label": "Filter by state" });
const search = h("input", {
  type: "search", placeholder: "Name, owner, place or host", "aria-label": "Search calendars", value: asked.get("q") ?? "",
});
const kinds = h("select", { "aria-label": "Kind" });
const only = h("select", { "aria-label": "Show" }, Object.entries(ONLY).map(([value, text]) => h("option", { value }, text)));
const total = h("span", { class: "muted small" });
const head = h("tr");
const body = h("tbody");
const table = h("table", { class: "cards" }, h("caption", { class: "unseen" }, "Calendars"), h("thead", {}, head), body);
const pages = h("nav", { class: "bar", "aria-label": "Pages" });

let waiting = null;
let shown = null;

fill(
  main,
  h("div", { class: "bar head" }, title, h("span", { class: "grow" }), total, add),
  run && ofRun(),
  warning,
  chips,
  h("form", { class: "bar head", role: "search", onsubmit: (event) => event.preventDefault() }, search, kinds, only),
  h("div", { class: "scroll" }, table),
  pages,
);
only.value = asked.get("only") ?? "";
let typing = 0;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => ask({ q: search.value, page: null }), 250);
});
kinds.addEventListener("change", () => ask({ kind: kinds.value, page: null }));
only.addEventListener("change", () => ask({ only: only.value, page: null }));
setInterval(() => document.hidden || load({ quietly: true }), REFRESH);
load();

/** Changes what is asked for, and loads it. */
function ask(changes) {
  for (const [name, value] of Object.entries(changes)) {
    asked.delete(name);
    for (const one of [value].flat()) if (one) asked.append(name, one);
  }
  history.replaceState(null, "", `?${asked}`);
  load();
}

async function load({ quietly = false } = {}) {
  waiting?.abort();
  const current = (waiting = new AbortController());
  const query = new URLSearchParams(asked);
  query.set("size", SIZE);
  try {
    show(await ours(`calendars?${query}`, { signal: current.signal }), quietly);
  } catch (error) {
    if (error.name === "AbortError") return;
    fill(warning, box("bad", error.message));
  }
}

function show(found, quietly) {
  // What has not changed is not drawn anew, so that whoever reads or tabs through it is left alone.
  const state = JSON.stringify(found);
  if (quietly && state === shown) return;
  shown = state;
  add.hidden = !found.may_write;
  fill(warning, pausedWarning());
  showChips(found.states);
  showKinds(found.kinds);
  refill(head, COLUMNS.map(heading), run && h("th", {}, "This run"));
  refill(body, found.calendars.length ? found.calendars.map(row) : h("tr", {}, h("td", { colspan: 10, class: "whole" }, nothing())));
  showPages(found);
  if (!quietly) announce(`${number(found.total)} calendars`);
}

function ofRun() {
  const dag = asked.get("dag") ?? "calendar_import";
  return box("busy", "Only the calendars of the run ", airflowLink(`dags/${dag}/runs/${encodeURIComponent(run)}`, {}, run), ". ",
    h("a", { href: "." }, "Show all"));
}

function nothing() {
  const filtered = ["q", "state", "kind", "only", "run"].some((name) => asked.get(name));
  return filtered ? "No calendar is like that. " : "There is no calendar yet. Add the first by its address.";
}

function showChips(states) {
  const chosen = asked.getAll("state");
  const all = Object.values(states).reduce((sum, count) => sum + count, 0);
  const chip = (text, count, pressed, onclick, kind) =>
    h("li", {}, h("button", { type: "button", "aria-pressed": String(pressed), onclick },
      kind !== undefined && h("span", { class: `dot ${kind}` }), text, h("span", { class: "count" }, number(count))));
  refill(
    chips,
    chip("All", all, chosen.length === 0, () => ask({ state: null, page: null })),
    Object.entries(STATES).map(([state, [text, kind]]) => {
      const others = chosen.filter((one) => one !== state);
      const pressed = others.length < chosen.length;
      return chip(text, states[state] ?? 0, pressed, () => ask({ state: pressed ? others : [...others, state], page: null }), kind);
    }),
  );
}

function showKinds(found) {
  const chosen = asked.get("kind") ?? "";
  const names = [...new Set([...Object.keys(found), ...(chosen ? [chosen] : [])])].sort();
  fill(kinds, h("option", { value: "" }, "All kinds"), names.map((name) => h("option", { value: name }, `${name} (${number(found[name])})`)));
  kinds.value = chosen;
}

function heading([key, text, kind]) {
  if (!key) return h("th", { class: kind, scope: "col" }, text);
  const sorted = (asked.get("sort") ?? "name") === key;
  const descending = asked.get("descending") === "true";
  const sort = () => {
    ask({ sort: key, descending: sorted && !descending ? "true" : null, page: null });
  };
  return h("th", { class: kind, scope: "col", "aria-sort": sorted ? (descending ? "descending" : "ascending") : "none" },
    h("button", { type: "button", class: "plain", dataset: { sort: key }, onclick: sort }, text));
}

function row(one) {
  const cell = (label, content, kind = "") => h("td", { class: kind, dataset: { label } }, content);
  return h(
    "tr",
    {},
    cell("Calendar", [
      h("a", { class: "name", href: `calendar?id=${one.id}` }, one.name),
      one.user_name && h("div", { class: "muted small" }, one.user_name),
      one.error_message && h("div", { class: "sentence" }, one.error_message),
    ], "title"),
    cell("State", [stateBadge(one.state), one.held && h("div", { class: "warn small" }, `${number(one.held)} deletions held`)]),
    cell("Kind", one.kind),
    cell("Last import", time(one.fetched_at)),
    cell("Freshness", freshness(one)),
    cell("Next import", next(one)),
    cell("Last change", time(one.changed_at)),
    cell("Events", number(one.events), "number"),
    cell("Notices", one.notices ? h("a", { href: `calendar?id=${one.id}#notices` }, number(one.notices)) : "0", "number"),
    run && cell("This run", one.run && [outcomeBadge(one.run.outcome),
      h("div", { class: "small" }, one.run.outcome === "imported" || one.run.outcome === "planned"
        ? h("a", { href: `calendar?id=${one.id}&run=${encodeURIComponent(run)}#changes` }, counted(one.run)) : "")]),
  );
}

function next(one) {
  if (one.state === "paused" || one.kind === "manual") return h("span", { class: "muted" }, "–");
  if (!one.next_import_at || new Date(one.next_import_at) < Date.now()) return "next run";
  const failing = one.consecutive_failures > 1 ? `after ${one.consecutive_failures} failures` : "";
  return [time(one.next_import_at), failing && h("div", { class: "muted small" }, failing)];
}

function showPages(found) {
  const page = Number(asked.get("page") ?? 1);
  const last = Math.max(1, Math.ceil(found.total / SIZE));
  if (page > last) {
    ask({ page: last });
    return;
  }
  total.textContent = `${number(found.total)} in all`;
  const turn = (text, to) => h("button", { type: "button", disabled: to < 1 || to > last, onclick: () => {
    ask({ page: to > 1 ? String(to) : null });
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  } }, text);
  const from = (page - 1) * SIZE;
  fill(pages, last > 1 && [
    turn("Previous", page - 1),
    h("span", { class: "muted" }, `${number(from + 1)}–${number(from + found.calendars.length)} of ${number(found.total)}`),
    turn("Next", page + 1),
  ]);
}
