// Month, week and agenda of a calendar's events, by FullCalendar. Times come as clock times of the chosen zone.
import { followOut, ours } from "./airflow.js";
import { opened } from "./dialog.js";
import { box, fill, h, webLink } from "./dom.js";
import { wallClock, zone } from "./time.js";

const NARROW = matchMedia("(max-width: 760px)");

export async function events({ id }) {
  const place = h("div");
  const note = h("div");
  const content = h("div", {}, note, place);
  const calendar = new FullCalendar.Calendar(place, {
    initialView: NARROW.matches ? "listMonth" : "dayGridMonth",
    headerToolbar: { left: "prev,next today", center: "title", right: "dayGridMonth,timeGridWeek,listMonth" },
    buttonText: { today: "Today", dayGridMonth: "Month", timeGridWeek: "Week", listMonth: "Agenda" },
    height: "auto",
    firstDay: 1,
    dayMaxEvents: 5,
    nowIndicator: true,
    timeZone: zone,
    now: () => wallClock(Date.now()),
    eventTimeFormat: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    slotLabelFormat: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    noEventsText: "No events in this month.",
    eventInteractive: true,
    eventClick: ({ event }) => show(event.extendedProps.row),
    events: async ({ startStr, endStr }) => {
      const query = new URLSearchParams({ start: startStr.slice(0, 10), end: endStr.slice(0, 10), zone });
      const found = await ours(`calendars/${id}/events?${query}`);
      fill(note, found.more && box("warn", "There are more events than can be shown at once. Choose a shorter time."));
      return found.events.map(shown);
    },
    eventSourceFailure: (error) => fill(note, box("bad", error.message)),
  });
  // It measures itself, so it must be in the page by then.
  content.addEventListener("shown", () => calendar.render(), { once: true });
  return content;
}

function shown(row) {
  return {
    id: String(row.id),
    title: row.summary ?? "(untitled)",
    start: row.start,
    end: row.end,
    allDay: row.all_day,
    classNames: row.status === "confirmed" ? [] : [row.status],
    extendedProps: { row },
    // A colour that a feed gives is one of CSS or nothing: no other style can be given with it.
    ...(row.color && CSS.supports("color", row.color) && { backgroundColor: row.color, borderColor: row.color, textColor: "#fff" }),
  };
}

function show(row) {
  const when = row.all_day ? allDay(row) : `${row.start_clock.replace("T", " ").slice(0, 16)} to ${row.end_clock.replace("T", " ").slice(0, 16)} (${zone})`;
  const pairs = [
    ["When", when],
    ["Zone of the event", row.timezone],
    ["Status", row.status],
    ["Repeats", row.is_recurring ? "yes" : null],
    ["Location", row.location],
    ["Place", row.place],
    ["Address", row.address],
    ["Online", row.online_url && webLink(row.online_url, followOut)],
    ["Page", row.url && webLink(row.url, followOut)],
    ["Organiser", row.organizer && [row.organizer.name, row.organizer.email].filter(Boolean).join(" · ")],
    ["Categories", row.categories.join(", ")],
    ["Visibility", row.visibility === "default" ? null : row.visibility],
    ["UID", h("code", {}, row.uid)],
  ].filter(([, value]) => value);
  opened(
    row.summary ?? "(untitled)",
    h("dl", { class: "pairs" }, pairs.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    row.description && h("pre", {}, row.description),
  );
}

function allDay({ start_date, end_date }) {
  const last = new Date(`${end_date}T00:00:00Z`);
  last.setUTCDate(last.getUTCDate() - 1);
  const until = last.toISOString().slice(0, 10);
  return until === start_date ? `${start_date}, all day` : `${start_date} to ${until}, all day`;
}
