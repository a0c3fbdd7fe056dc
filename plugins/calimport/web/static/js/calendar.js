// One calendar: what it is, how it fares, what can be done, and below it a part for each question.
import { changes } from "./changes.js";
import { confirmed } from "./dialog.js";
import { announce, box, fill, h, refill } from "./dom.js";
import { events } from "./events.js";
import { held } from "./held.js";
import { follow, pausedWarning, start, told } from "./imports.js";
import { ours, Refused } from "./airflow.js";
import { notices } from "./notices.js";
import { runs } from "./runs.js";
import { settings } from "./settings.js";
import { tabs } from "./tabs.js";
import { time } from "./time.js";
import { freshness, number, stateBadge } from "./words.js";

const REFRESH = 15000;
const main = document.getElementById("main");
const id = Number(new URLSearchParams(location.search).get("id"));

const title = h("h1");
const badge = h("span");
const warning = h("div");
const problem = h("div");
const progress = h("div", { tabindex: "-1" });
const actions = h("div", { class: "bar head", role: "group", "aria-label": "Actions" });
const facts = h("dl", { class: "facts" });
const below = h("div");
let calendar = null;
let parts = null;
let busy = false;

fill(
  main,
  h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "." }, "Calendars")),
  h("div", { class: "bar head" }, title, badge),
  warning, problem, progress, actions, facts, below,
);
load().then(() => setInterval(() => document.hidden || busy || load(), REFRESH));

async function load() {
  try {
    calendar = await ours(`calendars/${id}`);
  } catch (error) {
    fill(problem, box("bad", error instanceof Refused ? error.message : String(error)));
    return;
  }
  document.title = `${calendar.config.name} – calimport`;
  title.textContent = calendar.config.name;
  fill(badge, stateBadge(calendar.state));
  fill(warning, pausedWarning());
  fill(problem, calendar.held > 0 && box("warn", h("a", { href: `?id=${id}#held` }, `${number(calendar.held)} deletions are held`), ": they look wrong, so a person decides."),
    calendar.error_message && box("bad", h("p", {}, calendar.error_message),
    h("p", { class: "muted small" }, calendar.error_class,
      calendar.consecutive_failures > 1 && ` · ${calendar.consecutive_failures} failures in a row`)));
  showFacts();
  showActions();
  if (parts) {
    parts.count("notices", calendar.notices.length);
    parts.count("held", calendar.held);
    return;
  }
  parts = tabs(below, context, {
    events: ["Events", events],
    runs: ["Runs", runs],
    changes: ["Changes", changes],
    held: ["Held deletions", held],
    notices: ["Notices", notices],
    settings: ["Settings", settings],
  });
  parts.count("notices", calendar.notices.length);
  parts.count("held", calendar.held);
}

/** What the parts below need, and may do. */
const context = {
  id,
  get calendar() {
    return calendar;
  },
  get mayWrite() {
    return calendar.may_write;
  },
  act,
  count: (name, value) => parts?.count(name, value),
};

function showFacts() {
  const config = calendar.config;
  const next = calendar.state === "paused" || config.kind === "manual" ? "–"
    : !calendar.next_import_at || new Date(calendar.next_import_at) < Date.now() ? "next run" : time(calendar.next_import_at);
  const fact = (name, value) => value !== null && [h("div", {}, h("dt", {}, name), h("dd", {}, value))];
  fill(facts,
    fact("Kind", calendar.kind_used ?? config.kind),
    fact("Last import", time(calendar.fetched_at)),
    fact("Freshness", freshness(calendar)),
    fact("Next import", next),
    fact("Last change", time(calendar.changed_at)),
    fact("Events", number(calendar.events)),
    fact("Title of the feed", calendar.feed_title),
    fact("Time zone", config.timezone ?? calendar.feed_timezone),
    fact("Owner", config.user),
    fact("Told about problems", config.contact_email),
    fact("Place", config.place));
}

function showActions() {
  const isPaused = calendar.state === "paused";
  const isManual = calendar.config.kind === "manual";
  if (!calendar.may_write) {
    fill(actions);
    return;
  }
  // Not `disabled`, which would take the keyboard away from the button that was pressed.
  const button = (text, onclick, properties = {}) =>
    h("button", { type: "button", onclick: () => busy || onclick(), "aria-disabled": busy && "true", ...properties }, text);
  refill(actions,
    !isManual && [
      button("Import now", () => importNow({}), { class: "main" }),
      button("Force", force, { title: "Import although nothing seems to have changed, and apply held deletions" }),
      button("Dry run", () => importNow({ dry_run: true }), { title: "Make a plan, and change nothing" }),
      isPaused
        ? button("Resume", () => act("Resumed: it is due at the next run.", () => post("resume")))
        : button("Pause", () => act("Paused. Its events stay.", () => post("pause"))),
      h("a", { class: "button", href: `edit?id=${id}` }, "Edit"),
      h("a", { class: "button", href: `../api/calendars/${id}/feed`, download: "" }, "Download feed"),
    ]);
}

const post = (what, body) => ours(`calendars/${id}/${what}`, { method: "POST", body });

async function force() {
  const sure = await confirmed("Import by force?", {
    text: "The feed is fetched anew and imported although nothing seems to have changed. Deletions that would be held because they look wrong are applied.",
    yes: "Import by force",
  });
  if (sure) await importNow({ force: true });
}

async function importNow(how) {
  work(true);
  const say = (text) => {
    fill(progress, box("busy", text));
    announce(text);
  };
  say("Asking Airflow for a run …");
  try {
    const runId = await start(id, how);
    const last = await follow(id, runId, say);
    const result = told(last, runId);
    fill(progress, result);
    announce(result.textContent);
  } catch (error) {
    fill(progress, box("bad", error.message));
  }
  work(false);
  await load();
  parts.reload();
}

/** Does something, says what became of it, and shows how things are now. */
async function act(done, action) {
  work(true);
  try {
    const found = await action();
    const text = typeof done === "function" ? done(found) : done;
    fill(progress, box("good", text));
    announce(text);
  } catch (error) {
    fill(progress, box("bad", error.message));
    if (!(error instanceof Refused)) console.error(error);
  }
  work(false);
  await load();
  await parts.reload();
  progress.scrollIntoView({ block: "nearest" });
  if (document.activeElement === document.body) progress.focus(); // the button that was pressed is gone
}

function work(isBusy) {
  busy = isBusy;
  showActions();
}
