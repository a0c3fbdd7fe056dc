"""A Microsoft on loopback: the token endpoint, and the part of Microsoft Graph that calimport reads.

It keeps one calendar in memory and answers as the documentation says, and as its users report where that is silent:
an occurrence that is as its series says has its times and hardly more, its series stands beside it, and that one was
deleted nothing says. Each event is validated against the documented properties, so that the fake cannot invent one.

https://learn.microsoft.com/graph/api/resources/event, https://learn.microsoft.com/graph/delta-query-events
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import jsonschema

from tests.web import Asked, Reply

GRAPH: Final = "graph.microsoft.com/v1.0"
TENANT: Final = "0b53f7a2-directory"
LOGIN: Final = f"login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"


def _of(kind: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": [kind, "null"], "properties": properties, "additionalProperties": False}


_STRING: Final = {"type": ["string", "null"]}
_BOOLEAN: Final = {"type": ["boolean", "null"]}
_TIME: Final = _of("object", dateTime=_STRING, timeZone=_STRING)
_ADDRESS: Final = _of(
    "object", **dict.fromkeys(("street", "city", "state", "countryOrRegion", "postalCode"), _STRING), type=_STRING
)
_PLACE: Final = _of(
    "object",
    **dict.fromkeys(("displayName", "locationType", "locationUri", "uniqueId", "uniqueIdType"), _STRING),
    address=_ADDRESS,
    coordinates={"type": ["object", "null"]},
)
_WHO: Final = _of("object", name=_STRING, address=_STRING)
_ANSWER: Final = _of("object", response=_STRING, time=_STRING)
_STRINGS: Final = (
    *("@odata.type", "@odata.etag", "id", "seriesMasterId", "occurrenceId", "iCalUId", "subject", "bodyPreview"),
    *("webLink", "changeKey", "createdDateTime", "lastModifiedDateTime", "originalStart", "originalStartTimeZone"),
    *("originalEndTimeZone", "onlineMeetingUrl", "onlineMeetingProvider", "transactionId", "importance"),
)
_BOOLEANS: Final = (
    *("isAllDay", "isCancelled", "isOrganizer", "isReminderOn", "isOnlineMeeting", "hasAttachments", "isDraft"),
    *("allowNewTimeProposals", "responseRequested", "hideAttendees"),
)
EVENT: Final = _of(
    "object",
    **dict.fromkeys(_STRINGS, _STRING),
    **dict.fromkeys(_BOOLEANS, _BOOLEAN),
    start=_TIME,
    end=_TIME,
    body=_of("object", contentType={"enum": ["html", "text"]}, content=_STRING),
    location=_PLACE,
    locations={"type": "array", "items": _PLACE},
    organizer=_of("object", emailAddress=_WHO),
    attendees={"type": "array", "items": _of("object", type=_STRING, status=_ANSWER, emailAddress=_WHO)},
    categories={"type": "array", "items": {"type": "string"}},
    onlineMeeting=_of("object", **dict.fromkeys(("joinUrl", "conferenceId", "tollNumber", "quickDial"), _STRING)),
    recurrence=_of("object", pattern={"type": "object"}, range={"type": "object"}),
    reminderMinutesBeforeStart={"type": ["integer", "null"]},
    responseStatus=_ANSWER,
    sensitivity={"enum": ["normal", "personal", "private", "confidential"]},
    showAs={"enum": ["free", "tentative", "busy", "oof", "workingElsewhere", "unknown"]},
    type={"enum": ["singleInstance", "occurrence", "exception", "seriesMaster"]},
    **{"@removed": _of("object", reason={"enum": ["deleted", "changed"]})},
)


@dataclass
class FakeMicrosoft:
    """One mailbox with one calendar. ``routes()`` goes into :class:`tests.web.Web`."""

    mailbox: str = "/users/anna@example.org"
    #: Of another calendar than the default one.
    calendar_id: str | None = None
    about: dict[str, Any] = field(default_factory=lambda: {"id": "AAMkCal=", "name": "Calendar", "hexColor": "#0088aa"})
    #: None: the application may not know it.
    timezone: str | None = "GMT Standard Time"
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Whether a listing shows the series of its occurrences.
    lists_series: bool = True
    page_size: int = 200
    #: Ids by the number of the change; links count these.
    log: list[str] = field(default_factory=list)
    remembers_from: int = 0
    #: By endpoint (token, calendar, zone, delta, event, instances) and number of the request to it, from 1.
    failures: dict[tuple[str, int], Reply] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    forms: list[dict[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    secret: str = "app-s3cret"
    refresh_token: str = "0.refresh-s3cret"

    def put(self, event: dict[str, Any]) -> None:
        """Add or change an event of Graph's form."""
        self.events[event["id"]] = _valid(event)
        self.log.append(event.get("seriesMasterId") or event["id"])

    def put_series(self, master: dict[str, Any], *starts: str) -> None:
        """A series of hours that begin at these times; its occurrences carry what they carry in a delta."""
        self.put({**master, "type": "seriesMaster", "start": time(starts[0]), "end": time(_hour_later(starts[0]))})
        for start in starts:
            bare = {"seriesMasterId": master["id"], "type": "occurrence"}
            self.put({"id": f"{master['id']}.{start}", **bare, "start": time(start), "end": time(_hour_later(start))})

    def remove(self, key: str) -> None:
        """Delete an event, an occurrence, or a series with its occurrences."""
        removed = self.events.pop(key)
        for name in [name for name, one in self.events.items() if one.get("seriesMasterId") == key]:
            del self.events[name]
        self.log.append(removed.get("seriesMasterId") or key)

    def routes(self) -> dict[str, Callable[[Asked], Reply]]:
        """By ``/host/path``, with the events that are there now."""
        calendar = f"{self.mailbox}/calendars/{quote(self.calendar_id, safe='')}" if self.calendar_id else self.mailbox
        about = calendar if self.calendar_id else f"{calendar}/calendar"
        answers: dict[str, tuple[str, Callable[[Asked], Reply]]] = {
            about: ("calendar", lambda asked: _json(self.about)),
            f"{self.mailbox}/mailboxSettings/timeZone": ("zone", self._zone),
            f"{calendar}/calendarView/delta": ("delta", self._delta),
        }
        for key, event in self.events.items():
            if event.get("type") != "seriesMaster":
                continue
            path = f"{self.mailbox}/events/{quote(key, safe='')}"
            answers[path] = ("event", lambda asked, key=key: _json(self.events[key]))
            answers[f"{path}/instances"] = ("instances", lambda asked, key=key: self._instances(asked, key))
        graph = {f"/{GRAPH}{path}": self._graph(*answer) for path, answer in answers.items()}
        return graph | {f"/{LOGIN}": self._token}

    def _graph(self, endpoint: str, answer: Callable[[Asked], Reply]) -> Callable[[Asked], Reply]:
        def route(asked: Asked) -> Reply:
            if (failure := self._failure(endpoint)) is not None:
                return failure
            if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                return error(401, "InvalidAuthenticationToken")
            return answer(asked)

        return route

    def _failure(self, endpoint: str) -> Reply | None:
        self.requests[endpoint] += 1
        return self.failures.get((endpoint, self.requests[endpoint]))

    def _token(self, asked: Asked) -> Reply:
        if (failure := self._failure("token")) is not None:
            return failure
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        self.forms.append(form)
        if form.get("client_secret") != self.secret:
            return refusal("invalid_client", 7000215, 401)
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh_token:
            return refusal("invalid_grant", 70008, 400)
        token = f"eyJ0.s3cret-{len(self.tokens) + 1}"
        self.tokens.add(token)
        return _json({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})

    def _zone(self, asked: Asked) -> Reply:
        if self.timezone is None:
            return error(403, "ErrorAccessDenied")
        return _json({"@odata.context": f"https://{GRAPH}/$metadata", "value": self.timezone})

    def _delta(self, asked: Asked) -> Reply:
        """A link is the window and, in a first round, how many events were listed; in a later one, how many changes."""
        parts = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "startDateTime" in query:
            start, end, kind, number = query["startDateTime"], query["endDateTime"], "list", 0
        else:
            start, end, kind, text = (query.get("$skiptoken") or query["$deltatoken"]).split("~")
            number = int(text)
        if kind == "log" and number < self.remembers_from:
            return error(410, "SyncStateNotFound")
        rows = self._listed(start, end) if kind == "list" else self._changed(start, end, number)
        at = number if kind == "list" else 0
        shown = rows[at : at + self.page_size]
        page: dict[str, Any] = {"@odata.context": f"https://{GRAPH}/$metadata#Collection(event)", "value": shown}
        here = f"https://{parts.path.removeprefix('/')}"
        if at + len(shown) < len(rows):
            following = at + len(shown) if kind == "list" else number + len(shown)
            page["@odata.nextLink"] = f"{here}?$skiptoken={quote(f'{start}~{end}~{kind}~{following}')}"
        else:
            page["@odata.deltaLink"] = f"{here}?$deltatoken={quote(f'{start}~{end}~log~{len(self.log)}')}"
        return _json(page)

    def _listed(self, start: str, end: str) -> list[dict[str, Any]]:
        inside = [
            one for one in self.events.values() if one.get("type") != "seriesMaster" and _lies_in(one, start, end)
        ]
        series = {one.get("seriesMasterId") for one in inside} if self.lists_series else set()
        return [one for key, one in self.events.items() if key in series] + inside

    def _changed(self, start: str, end: str, since: int) -> list[dict[str, Any]]:
        """A series with all that is left of it, and no word about an occurrence that was deleted."""
        inside = self._listed(start, end)
        found = []
        for key in dict.fromkeys(self.log[since:]):
            rows = [one for one in inside if key in (one["id"], one.get("seriesMasterId"))]
            found += rows or [_valid({"id": key, "@removed": {"reason": "deleted"}})]
        return found

    def _instances(self, asked: Asked, key: str) -> Reply:
        """All occurrences of a series with all their properties; each has an iCalUId of its own."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
        start, end, at = query["startDateTime"], query["endDateTime"], int(query.get("$skip", 0))
        own = ("id", "type", "start", "end", "recurrence", "iCalUId")
        master = {name: value for name, value in self.events[key].items() if name not in own}
        inside = [one for one in self.events.values() if one.get("seriesMasterId") == key and _lies_in(one, start, end)]
        whole = [{"subject": None, **master, "iCalUId": f"{one['id']}-ical", **one} for one in inside]
        page: dict[str, Any] = {"value": [_valid(one) for one in whole[at : at + self.page_size]]}
        if at + self.page_size < len(whole):
            parts = urlsplit(asked.path)
            query = {"startDateTime": start, "endDateTime": end, "$skip": str(at + self.page_size)}
            page["@odata.nextLink"] = f"https://{parts.path.removeprefix('/')}?{urlencode(query)}"
        return _json(page)


def time(moment: str) -> dict[str, str]:
    """A ``dateTimeTimeZone`` in UTC, with Graph's seven digits."""
    return {"dateTime": f"{moment}:00.0000000", "timeZone": "UTC"}


def error(status: int, code: str, **headers: str) -> Reply:
    """An error as Graph gives it, with a secret in its text, as such texts may have one."""
    inner = {"date": "2026-11-18T12:00:00", "request-id": "1", "client-request-id": "1"}
    document = {"error": {"code": code, "message": "anna@example.org: eyJ0.s3cret-1", "innerError": inner}}
    return Reply(json.dumps(document).encode(), status=status, headers=headers)


def refusal(code: str, number: int, status: int) -> Reply:
    """An error of the token endpoint."""
    text = f"AADSTS{number}: anna@example.org, app-s3cret\r\nTrace ID: 1"
    document = {"error": code, "error_description": text, "error_codes": [number], "trace_id": "1"}
    return Reply(json.dumps(document).encode(), status=status)


def _lies_in(event: dict[str, Any], start: str, end: str) -> bool:
    try:
        return event["start"]["dateTime"] < end and event["end"]["dateTime"] >= start
    except KeyError:
        return True  # a damaged event is in every listing of the tests


def _hour_later(moment: str) -> str:
    return f"{moment[:11]}{int(moment[11:13]) + 1:02}{moment[13:]}"


def _valid(event: dict[str, Any]) -> dict[str, Any]:
    jsonschema.Draft202012Validator(EVENT).validate(event)
    return event


def _json(document: Any) -> Reply:
    return Reply(json.dumps(document).encode(), headers={"Content-Type": "application/json"})
