// Imports by hand: the browser asks Airflow's own API, so permission, checks and audit log are Airflow's.
import { airflowLink, DAG, ours, theirs } from "./airflow.js";
import { box, h } from "./dom.js";
import { counted } from "./words.js";

const PATIENCE = 15 * 60 * 1000;
let paused = null;
theirs(`dags/${DAG}`).then((dag) => (paused = dag.is_paused), () => {});

/** A sentence where the DAG is paused: nothing is imported then, whatever is asked for. */
export function pausedWarning() {
  return paused && box("warn", "The DAG ", airflowLink(`dags/${DAG}`, {}, DAG),
    " is paused, so no calendar is imported. Switch it on in Airflow.");
}

/** Starts a run for one calendar; its id. */
export async function start(id, { force = false, dry_run = false } = {}) {
  const conf = { calendars: [id], ...(force && { force }), ...(dry_run && { dry_run }) };
  const run = await theirs(`dags/${DAG}/dagRuns`, {
    method: "POST",
    body: { logical_date: null, conf, note: "Asked for on the calendars page." },
  });
  return run.dag_run_id;
}

/** Tells `say` how a run gets on, until it has ended; what it did to the calendar, or null if nothing. */
export async function follow(id, runId, say) {
  const until = Date.now() + PATIENCE;
  for (let wait = 700; Date.now() < until; wait = Math.min(wait * 1.2, 4000)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const calendar = await ours(`calendars/${id}`);
    const last = calendar.last_run;
    if (last?.dag_run_id === runId && last.outcome) return last;
    if (last?.dag_run_id === runId) {
      say(STEPS[last.step] ?? "Importing …");
      continue;
    }
    const { state } = await theirs(`dags/${DAG}/dagRuns/${encodeURIComponent(runId)}`);
    if (state === "success" || state === "failed") return null;
    const queued = paused ? " The DAG is paused: it waits until somebody switches it on." : "";
    say(state === "queued" ? `Waiting for Airflow to start the run.${queued}` : "Started …");
  }
  return null;
}

const STEPS = {
  queued: "Fetching …",
  extracted: "Fetched; reading it …",
  normalized: "Read; comparing …",
  diffed: "Compared; applying …",
};

/** What became of an import, in a box. */
export function told(last, runId) {
  const link = airflowLink(`dags/${DAG}/runs/${encodeURIComponent(runId)}`, {}, "the run in Airflow");
  if (!last) return box("warn", "The run ended without touching this calendar, perhaps because another run holds it: see ", link, ".");
  if (last.outcome === "failed") return box("bad", last.error_message, " See ", link, ".");
  const changes = h("a", { href: `?id=${new URLSearchParams(location.search).get("id")}&run=${encodeURIComponent(runId)}#changes` }, counted(last));
  if (last.outcome === "planned") return box("busy", "Dry run: ", changes, ", if it were applied. See ", link, ".");
  if (last.outcome === "unchanged") return box("good", "The feed has not changed. See ", link, ".");
  return box("good", "Imported: ", changes, ". See ", link, ".");
}
