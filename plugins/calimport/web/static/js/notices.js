// What the calendar's owner can mend in the feed.
import { h } from "./dom.js";
import { time } from "./time.js";

export async function notices({ calendar }) {
  if (!calendar.notices.length) return h("p", { class: "muted" }, "Nothing to mend.");
  return h("ul", { class: "rows" }, calendar.notices.map((one) => h("li", {},
    h("div", {}, one.message),
    h("div", { class: "muted small wrap" }, "since ", time(one.first_seen_at), ", last found ", time(one.last_seen_at),
      one.occurrences > 1 && ` · ${one.occurrences} times`, one.subject && [" · ", h("code", {}, one.subject)]))));
}
