// Deletions that an import did not dare to apply, for a person to decide about.
import { ours } from "./airflow.js";
import { confirmed } from "./dialog.js";
import { box, h } from "./dom.js";
import { time, written } from "./time.js";
import { number } from "./words.js";

export async function held(context) {
  const { held: found } = await ours(`calendars/${context.id}/held`);
  context.count("held", found.length);
  if (!found.length) return h("p", { class: "muted" }, "No deletions are held.");
  const [first] = found;
  const decide = (what, done) => () => context.act(done, () => ours(`calendars/${context.id}/held/${what}`, { method: "POST" }));
  const release = async () => {
    const sure = await confirmed(`Delete ${number(found.length)} events?`, {
      text: "They are removed as the feed says. The run can be undone.", yes: "Release the deletions", danger: true,
    });
    if (sure) await decide("release", (counts) => `Released: ${number(counts.deleted)} removed.`)();
  };
  return h("div", {},
    box("warn", h("p", {}, first.held_reason),
      h("p", { class: "small" }, "Held ", time(first.held_at), first.held_until_told ? ", until a person decides." : `; complete fetches in a row that agreed: ${number(first.held_confirmations)}.`)),
    context.mayWrite && h("div", { class: "bar head" },
      h("button", { type: "button", class: "danger", onclick: release }, "Release the deletions"),
      h("button", { type: "button", onclick: decide("discard", ({ kept }) => `Discarded: ${number(kept)} events stay.`) }, "Discard, keep the events")),
    h("ul", { class: "rows" }, found.map((one) => h("li", {}, h("div", { class: "bar" },
      h("strong", { class: "wrap" }, one.summary ?? "(untitled)"),
      h("span", { class: "muted small" }, one.all_day ? one.start_date : written(one.start_at)),
      !one.is_as_it_was && h("span", { class: "warn small" }, "has changed since"))))));
}
