"""The properties of RFC 5545, 7986, 9073 and 9074 by what a damaged one does to an event."""

from __future__ import annotations

from typing import Final

#: Without these an event has no time, or not the one that was meant.
DATING: Final = frozenset({
    "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID", "UID", "SEQUENCE",
    "STATUS",
})  # fmt: skip
#: Of these, two that differ leave open when the event is.
SINGLE: Final = ("UID", "DTSTART", "DTEND", "DURATION", "RECURRENCE-ID")
#: Stand in an event and never in a VALARM (RFC 5545, 3.6.6) or VCALENDAR (3.6; RFC 7986, 4).
EVENT_ONLY: Final = frozenset({
    "DTSTART", "DTEND", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID", "SEQUENCE", "STATUS", "LOCATION",
    "CLASS", "TRANSP", "CREATED", "DTSTAMP", "ORGANIZER", "GEO", "PRIORITY",
})  # fmt: skip
#: Their values are dates, times or periods, which hold no colon.
DATED: Final = frozenset({"DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "RDATE", "EXDATE"})
#: Dating properties that may be long enough to be folded.
LISTS: Final = frozenset({"RRULE", "EXRULE", "RDATE", "EXDATE"})
#: Their values are URIs, `mailto:` mostly (RFC 5545, 3.3.3).
ADDRESSED: Final = frozenset({"ORGANIZER", "ATTENDEE"})
#: Of other types than TEXT (RFC 5545, 8.3.2; RFC 7986, 5): a line break is no part of their value.
NOT_TEXT: Final = DATING | frozenset({
    "DUE", "COMPLETED", "CREATED", "DTSTAMP", "LAST-MODIFIED", "ATTACH", "ATTENDEE", "ORGANIZER", "URL", "GEO",
    "PRIORITY", "PERCENT-COMPLETE", "TRANSP", "CLASS", "ACTION", "TRIGGER", "REPEAT", "TZID", "TZURL",
    "TZOFFSETFROM", "TZOFFSETTO", "FREEBUSY", "RELATED-TO", "VERSION", "CALSCALE", "METHOD", "COLOR", "IMAGE",
    "CONFERENCE", "SOURCE", "REFRESH-INTERVAL", "ACKNOWLEDGED",
})  # fmt: skip
#: All that a name of its own was given.
KNOWN: Final = NOT_TEXT | frozenset({
    "SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT", "CONTACT", "CATEGORIES", "RESOURCES", "REQUEST-STATUS", "NAME",
    "PRODID", "TZNAME", "PROXIMITY", "STYLED-DESCRIPTION", "STRUCTURED-DATA", "LOCATION-TYPE", "PARTICIPANT-TYPE",
    "RESOURCE-TYPE", "CALENDAR-ADDRESS", "BUSYTYPE",
})  # fmt: skip
