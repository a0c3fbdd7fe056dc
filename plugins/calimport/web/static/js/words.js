// What states, outcomes and counts are called, and which colour they have.
import { h } from "./dom.js";

export const STATES = {
  bad_source: ["Source broken", "bad"],
  error: ["Failing", "bad"],
  in_worker: ["Importing", "busy"],
  in_queue: ["Queued", "busy"],
  idle: ["OK", "good"],
  paused: ["Paused", ""],
};
const OUTCOMES = {
  imported: ["Imported", "good"],
  unchanged: ["Unchanged", ""],
  planned: ["Planned only", "busy"],
  failed: ["Failed", "bad"],
};
export const ACTIONS = { insert: ["Added", "good"], update: ["Changed", "warn"], delete: ["Removed", "bad"] };

export const badge = ([text, kind]) => h("span", { class: `badge ${kind}` }, text);
export const stateBadge = (state) => badge(STATES[state] ?? [state, ""]);
export const outcomeBadge = (outcome) => badge(outcome ? OUTCOMES[outcome] ?? [outcome, ""] : ["Running", "busy"]);

/** `3 added, 1 changed, 2 removed, 4 held`, or that there is nothing to say. */
export function counted(run) {
  const found = [
    [run.inserted, "added"],
    [run.updated, "changed"],
    [run.deleted, "removed"],
    [run.held, "held"],
  ].filter(([number]) => number);
  return found.map(([number, word]) => `${number} ${word}`).join(", ") || "nothing changed";
}

/** Whether a calendar's events are as young as they should be. */
export function freshness({ target, is_late, fresh_at }) {
  if (!target) return h("span", { class: "muted" }, "–"); // paused, or written by hand
  if (!fresh_at && !is_late) return h("span", { class: "muted" }, "not yet");
  const within = lasts(target);
  return h("span", { title: `To be imported at least every ${within}`, class: is_late ? "warn" : "good" }, is_late ? `late (over ${within})` : "fresh");
}

function lasts(seconds) {
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) if (seconds >= length) return `${Math.round(seconds / length * 10) / 10} ${unit}`;
  return `${seconds} s`;
}

export const number = (value) => new Intl.NumberFormat("en").format(value ?? 0);
