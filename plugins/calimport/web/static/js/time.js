// Times as Airflow shows them: in the zone that was chosen there.
import { h } from "./dom.js";

/** The IANA zone chosen in Airflow's menu, else the browser's. */
export const zone = (() => {
  const browser = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const stored = localStorage.getItem("timezone");
  if (!stored) return browser;
  let chosen = stored;
  try {
    chosen = JSON.parse(stored);
  } catch {
    // written without quotes
  }
  try {
    new Intl.DateTimeFormat("en", { timeZone: chosen });
    return chosen;
  } catch {
    return browser;
  }
})();

const clock = new Intl.DateTimeFormat("en", {
  timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

function parts(moment) {
  return Object.fromEntries(clock.formatToParts(moment).map((part) => [part.type, part.value]));
}

/** `2026-11-27 18:05` in the chosen zone. */
export function written(moment) {
  const { year, month, day, hour, minute } = parts(new Date(moment));
  return `${year}-${month}-${day} ${hour}:${minute}`;
}

/** The chosen zone's clock as ISO 8601 without an offset. */
export function wallClock(moment) {
  const { year, month, day, hour, minute, second } = parts(new Date(moment));
  return `${year}-${month}-${day}T${hour}:${minute}:${second}`;
}

const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** `5 min. ago`, `in 3 hr.` */
export function ago(moment) {
  const seconds = (new Date(moment) - Date.now()) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return seconds > 0 ? "in a moment" : "just now";
}

/** An element that says how long ago, and at a second look when exactly; a dash for never. */
export function time(moment, { exact = false } = {}) {
  if (!moment) return h("span", { class: "muted" }, "–");
  const at = `${written(moment)} ${zone}`;
  return h("time", { datetime: moment, title: exact ? ago(moment) : at, class: "nowrap" }, exact ? written(moment) : ago(moment));
}

/** `1.2 s`, `3 min` */
export function lasting(from, to) {
  const seconds = (new Date(to) - new Date(from)) / 1000;
  return seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}
