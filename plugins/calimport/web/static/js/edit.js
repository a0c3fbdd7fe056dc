// A form for a calendar, from the server's own list of what can be configured, with a live check of its address.
import { ours, Refused } from "./airflow.js";
import { announce, box, fill, h } from "./dom.js";
import { written } from "./time.js";

const FIRST = ["name", "source", "kind", "connection", "timezone", "user"];
const CHECKED = ["source", "kind", "connection", "timezone"];
const LABELS = { source: "Address", user: "Owner", contact_email: "Tell about problems", interval: "Import every" };

const main = document.getElementById("main");
const id = Number(new URLSearchParams(location.search).get("id")) || null;
const trouble = h("div");
const checked = h("div", { "aria-live": "polite" });
const inputs = {};
const problems = {};
let known = {};
let checking = null;
let timer = 0;

open().catch((error) => {
  if (!(error instanceof Refused)) throw error;
  fill(main, box("bad", error.message), h("a", { href: "." }, "Calendars"));
});

async function open() {
  const [form, calendar] = await Promise.all([ours("form"), id && ours(`calendars/${id}`)]);
  const config = calendar?.config ?? {};
  const named = calendar ? config.name : "New calendar";
  document.title = `${named} – calimport`;
  const hidden = calendar?.has_private_source;
  const fields = Object.fromEntries(form.keys.map((key) => [key.name, field(key, config[key.name], form, hidden)]));
  const rest = form.keys.map((key) => key.name).filter((name) => !FIRST.includes(name));
  const save = h("button", { type: "submit", class: "main" }, id ? "Save" : "Add calendar");
  const more = h("details", {}, h("summary", {}, "More settings"), rest.map((name) => fields[name]));
  const recheck = h("button", { type: "button", class: "small", onclick: () => check() }, "Check now");
  fill(
    main,
    h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "." }, "Calendars"),
      id && [" / ", h("a", { href: `calendar?id=${id}` }, named)]),
    h("div", { class: "bar head" }, h("h1", {}, id ? `Edit ${named}` : "Add a calendar")),
    trouble,
    h("div", { class: "columns" },
      h("form", { novalidate: true, onsubmit: submit }, FIRST.map((name) => fields[name]), more,
        h("div", { class: "bar" }, save, h("a", { class: "button", href: id ? `calendar?id=${id}` : "." }, "Cancel"))),
      h("section", { class: "box", "aria-labelledby": "check" },
        h("div", { class: "bar head" }, h("h2", { id: "check" }, "What the address holds"), h("span", { class: "grow" }), recheck), checked)),
  );
  known = values();
  for (const name of CHECKED) inputs[name].addEventListener("input", () => later());
  fill(checked, h("p", { class: "muted" }, "Type an address: it is fetched and read, and nothing is stored."));
  if (id) check();
  else inputs.name.focus();
}

function field(key, value, form, hidden) {
  const { name } = key;
  const about = { id: name, name, "aria-describedby": `${name}-hint ${name}-problem`, autocomplete: "off" };
  const label = LABELS[name] ?? capital(name.replaceAll("_", " "));
  const hint = h("div", { class: "hint", id: `${name}-hint` }, key.about, key.default && name !== "enabled" ? ` Default: ${key.default}.` : "");
  const problem = (problems[name] = h("div", { class: "problem", id: `${name}-problem` }));
  let input;
  if (name === "enabled") {
    input = h("input", { ...about, type: "checkbox" });
    input.checked = value ?? true;
    inputs[name] = input;
    return h("div", { class: "field" }, h("label", { class: "check" }, input, "Import it (not paused)"), problem, h("span", { id: `${name}-hint` }));
  }
  if (key.choices) {
    input = h("select", about, key.choices.map((choice) => h("option", { value: choice }, choice)));
    input.value = value ?? key.default;
  } else {
    const names = form.suggestions[name] ?? (name === "timezone" ? Intl.supportedValuesOf("timeZone") : null);
    const isHidden = name === "source" && hidden;
    const locked = name === "connection" && !form.may_connect;
    input = h("input", {
      ...about, type: "text", list: names && `${name}-names`, required: key.required, disabled: locked, maxlength: 4000, spellcheck: "false",
      placeholder: isHidden ? `${value} – kept as it is` : key.default,
      value: isHidden ? "" : value,
    });
    if (locked) hint.append(" Only who may see Airflow's connections can choose one.");
    if (names) hint.append(h("datalist", { id: `${name}-names` }, names.map((one) => h("option", { value: one }))));
  }
  inputs[name] = input;
  return h("div", { class: "field" }, h("label", { for: name }, label), input, hint, problem);
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** What the form says now; an empty field is null: the key's default. */
function values() {
  return Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.type === "checkbox" ? input.checked : input.value.trim() || null]));
}

/** The keys that the person has changed. */
function given() {
  return Object.fromEntries(Object.entries(values()).filter(([name, value]) => !id || value !== known[name]));
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(check, 700);
}

async function check() {
  clearTimeout(timer);
  checking?.abort();
  const { source, kind, connection, timezone } = values();
  if (!source && !connection && !id) return;
  if (source && !source.includes("://") && !connection) return; // still being typed
  const current = (checking = new AbortController());
  fill(checked, h("p", { class: "muted" }, "Looking …"));
  try {
    const body = { source, kind, connection, timezone, ...(id && { calendar_id: id }) };
    const found = await ours("check", { method: "POST", body, signal: current.signal });
    fill(checked, report(found));
  } catch (error) {
    if (error.name !== "AbortError") fill(checked, box("bad", error.message));
  }
}

function report(found) {
  if (found.problem) return [box("bad", found.problem), h("p", { class: "muted small" }, found.class)];
  const guessed = found.timezone_source === "default" ? " (it names none, so this is a guess)" : "";
  return [
    box("good", `${found.events} events on ${found.occurrences} dates in the next 365 days.`),
    h("dl", { class: "pairs" },
      [["Kind", found.kind], ["Title", found.title ?? "none"], ["Time zone", found.timezone + guessed]].map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    found.sample.length > 0 && [h("h2", {}, "Next"), h("ul", { class: "rows" }, found.sample.map((one) =>
      h("li", {}, h("strong", { class: "wrap" }, one.summary ?? "(untitled)"), h("div", { class: "muted small wrap" }, `${one.start.includes("T") ? written(one.start) : one.start}${one.location ? ` · ${one.location}` : ""}`))))],
    found.notices.map((notice) => box("warn", notice)),
  ];
}

async function submit(event) {
  event.preventDefault();
  for (const name of Object.keys(inputs)) tell(name, "");
  try {
    const changes = given();
    const saved = id
      ? await ours(`calendars/${id}`, { method: "PATCH", body: changes })
      : await ours("calendars", { method: "POST", body: changes });
    location.assign(`calendar?id=${saved.id}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    fill(trouble, box("bad", error.message));
    const wrong = Object.entries(error.problems).filter(([name]) => name in inputs);
    for (const [name, sentence] of wrong) tell(name, sentence);
    const first = wrong.length ? inputs[wrong[0][0]] : null;
    if (first) {
      first.closest("details")?.setAttribute("open", "");
      first.focus();
    } else trouble.scrollIntoView({ block: "nearest" });
    announce(error.message);
  }
}

function tell(name, sentence) {
  problems[name].textContent = sentence;
  if (sentence) inputs[name].setAttribute("aria-invalid", "true");
  else inputs[name].removeAttribute("aria-invalid");
}
