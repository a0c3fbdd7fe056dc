// Airflow around us: its address, its API, and its own pages, which must not open inside our frame.
import { h } from "./dom.js";

export const DAG = "calendar_import";
/** Airflow's own root, whatever path it is served under: our pages are two below it. */
export const root = new URL("../../", location.href);

const framed = (() => {
  try {
    return parent !== window && Boolean(parent.document);
  } catch {
    return false;
  }
})();

/** A refusal, with the sentence to show. */
export class Refused extends Error {
  constructor(status, detail, body) {
    super(detail);
    this.status = status;
    this.problems = body?.problems ?? {};
    this.overwritable = Boolean(body?.overwritable);
  }
}

/** What an address below `base` answers. */
async function ask(base, path, { method = "GET", body, signal } = {}) {
  const options = { method, signal, credentials: "same-origin", headers: {} };
  if (method !== "GET") {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body ?? {});
  }
  let answer;
  try {
    answer = await fetch(new URL(path, base), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "Airflow cannot be reached. Is the connection up?");
  }
  if (answer.status === 401) {
    (framed ? parent : window).location.reload(); // to Airflow's sign-in
    return new Promise(() => {});
  }
  const found = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, sentence(found, answer.status), found);
  return found;
}

function sentence(body, status) {
  const detail = body?.detail;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((one) => one.msg).join(" ");
  return `Airflow answered with the status ${status}.`;
}

/** calimport's own data. */
export const ours = (path, options) => ask(new URL("../api/", location.href), path, options);
/** Airflow's API. */
export const theirs = (path, options) => ask(new URL("api/v2/", root), path, options);

/** A link to one of Airflow's pages. */
export function airflowLink(path, properties, ...children) {
  const href = new URL(path, root).href;
  const follow = (event) => {
    if (!framed || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    openAirflow(href);
  };
  return h("a", { href, onclick: follow, ...properties }, ...children);
}

/** Shows one of Airflow's pages in its own window, without loading Airflow anew. */
export function openAirflow(address) {
  const url = new URL(address, root);
  if (!framed) {
    location.assign(url);
    return;
  }
  parent.history.pushState({}, "", url.pathname + url.search);
  parent.dispatchEvent(new parent.PopStateEvent("popstate", { state: {} }));
}

/** For links that lead out of Airflow: its frame opens no window, the page around it may. */
export function followOut(event) {
  if (!framed) return;
  event.preventDefault();
  const link = parent.document.createElement("a");
  link.href = event.currentTarget.href;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  parent.document.body.append(link);
  link.click();
  link.remove();
}
