// The runs of a calendar, with ways to Airflow's task instance and log, to what each changed, and to undo it.
import { airflowLink, openAirflow, ours, theirs } from "./airflow.js";
import { confirmed } from "./dialog.js";
import { fill, h } from "./dom.js";
import { lasting, time, written } from "./time.js";
import { counted, number, outcomeBadge } from "./words.js";

const TASKS = ["extract", "normalize", "diff", "apply"];
let unchanged = false;

export async function runs(context) {
  const body = h("tbody");
  const more = h("div", { class: "bar" });
  const box_ = h("input", { type: "checkbox" });
  box_.checked = unchanged;
  const content = h("div", {},
    h("div", { class: "bar head" }, h("label", { class: "check" }, box_, "Also runs that found nothing new")),
    h("div", { class: "scroll" }, h("table", { class: "cards" }, h("caption", { class: "unseen" }, "Runs"),
      h("thead", {}, h("tr", {}, ["When", "Outcome", "Changes", "Window", "Took", "Airflow"].map((text) => h("th", { scope: "col" }, text)),
        h("th", { scope: "col" }, h("span", { class: "unseen" }, "Undo")))),
      body)),
    more);
  box_.addEventListener("change", async () => {
    unchanged = box_.checked;
    fill(body);
    await load(null);
  });
  await load(null);
  return content;

  async function load(before) {
    const query = new URLSearchParams({ unchanged, ...(before && { before }) });
    const found = await ours(`calendars/${context.id}/runs?${query}`);
    body.append(...found.runs.map((run) => row(run, context)));
    if (!body.children.length) fill(body, h("tr", {}, h("td", { colspan: 7, class: "whole" }, "No run has done anything to this calendar yet.")));
    const last = found.runs.at(-1);
    fill(more, found.more && h("button", { type: "button", onclick: () => load(last.created_at) }, "Earlier runs"));
  }
}

function row(run, context) {
  const cell = (label, ...content) => h("td", { dataset: { label } }, ...content);
  const changed = (run.inserted ?? 0) + (run.updated ?? 0) + (run.deleted ?? 0) + (run.held ?? 0) > 0;
  const kind = [run.operation !== "import" && `${run.operation} by ${run.actor.replace(/^\w+:/, "")}`, run.force && "by force", run.dry_run && "dry run", run.attempt > 1 && `attempt ${run.attempt}`].filter(Boolean).join(", ");
  const link = `?id=${context.id}&run=${encodeURIComponent(run.dag_run_id)}#changes`;
  return h("tr", {},
    h("td", { class: "title" }, time(run.created_at, { exact: true }), kind && h("div", { class: "muted small" }, kind)),
    h("td", { class: run.error_message ? "whole" : "", dataset: { label: "Outcome" } }, outcomeBadge(run.outcome),
      run.error_message && h("div", { class: "sentence" }, run.error_message)),
    cell("Changes", ["imported", "planned"].includes(run.outcome) ? (changed ? h("a", { href: link }, counted(run)) : "nothing changed") : "–",
      run.held_reason && h("div", { class: "warn small" }, h("a", { href: `?id=${context.id}#held` }, run.held_reason)),
      run.quarantined ? h("div", { class: "warn small" }, `${number(run.quarantined)} could not be read`) : null),
    h("td", { class: "small", dataset: { label: "Window" } }, run.window_start ? `${written(run.window_start).slice(0, 10)} – ${written(run.window_end).slice(0, 10)}` : "–"),
    cell("Took", run.finished_at ? lasting(run.created_at, run.finished_at) : "–"),
    h("td", { class: "small", dataset: { label: "Airflow" } }, links(run, context.id)),
    h("td", { class: context.mayWrite && run.outcome === "imported" && changed ? "whole" : "empty" }, undoButton(run, context, changed)),
  );
}

/** Links to the run and to the log of the calendar's own task instance. */
function links(run, id) {
  if (run.operation !== "import") return h("span", { class: "muted" }, "–"); // no DAG's
  const path = `dags/${run.dag_id}/runs/${encodeURIComponent(run.dag_run_id)}`;
  const log = h("a", { href: airflowLink(path).href, onclick: async (event) => {
    event.preventDefault();
    openAirflow(await taskPath(run, id, path));
  } }, "Log");
  return h("div", { class: "bar" }, airflowLink(path, { title: run.dag_run_id }, "Run"), log);
}

/** Where the log is: which of the mapped instances had the calendar stands in what `plan` returned. */
async function taskPath(run, id, path) {
  const reached = TASKS.filter((name) => name in run.seconds).length;
  const task = run.outcome === "failed" ? TASKS[Math.min(reached, 3)] : TASKS[Math.max(reached - 1, 0)];
  try {
    const entry = await theirs(`dags/${run.dag_id}/dagRuns/${encodeURIComponent(run.dag_run_id)}/taskInstances/plan/xcomEntries/return_value`);
    const batches = typeof entry.value === "string" ? JSON.parse(entry.value) : entry.value;
    const index = batches.findIndex((batch) => batch.calendar_ids.includes(id));
    if (index >= 0) return `${path}/tasks/import.${task}/mapped/${index}`;
  } catch {
    // Airflow has cleaned up, or this was no run of the scheduler: its page says what there is.
  }
  return path;
}

function undoButton(run, context, changed) {
  if (!context.mayWrite || run.outcome !== "imported" || !changed) return null;
  return h("button", { type: "button", class: "small", onclick: () => undo(run, context) }, "Undo");
}

async function undo(run, context) {
  const sure = await confirmed("Undo this run?", {
    text: `What it did to this calendar (${counted(run)}) is set back. The undo is a run of its own, and can be undone too.`, yes: "Undo",
  });
  if (!sure) return;
  const ask = (overwrite) => ours(`calendars/${context.id}/runs/${encodeURIComponent(run.dag_run_id)}/undo`, { method: "POST", body: { overwrite } });
  await context.act((counts) => `Undone: ${counted(counts)}.`, async () => {
    try {
      return await ask(false);
    } catch (error) {
      if (error.status !== 409 || !error.overwritable) throw error;
      const overwrite = await confirmed("Undo it all the same?", {
        text: `${error.message} If you undo it all the same, what later runs did to these rows is lost but for the history.`,
        yes: "Undo all the same", danger: true,
      });
      if (!overwrite) throw error;
      return ask(true);
    }
  });
}
