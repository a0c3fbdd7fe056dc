"""A Google on loopback: page of consent, token endpoint, and the part of the Calendar API v3 that calimport reads.

It keeps calendars in memory, pages, filters and syncs like the real one, and fails on request. Each answer is validated
against the discovery document inside google-api-python-client, so that the fake cannot invent a field.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import importlib.resources
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jsonschema

SCOPE = "https://www.googleapis.com/auth/calendar.readonly"
#: "There are several query parameters that cannot be specified together with nextSyncToken"
_NOT_WITH_SYNC = {"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax",
                  "updatedMin"}  # fmt: skip
PALETTE = {
    "1": {"background": "#a4bdfc", "foreground": "#1d1d1d"},
    "11": {"background": "#dc2127", "foreground": "#1d1d1d"},
}


@dataclass
class FakeCalendar:
    """A calendar as `calendarList` shows it, and its events: single ones, recurring ones, and their exceptions."""

    entry: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    #: Whether it is on the user's list: a calendar that is shared with a service account is not.
    listed: bool = True
    #: `labelProperties.eventLabels` of `calendars`.
    labels: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Failure:
    """What to do instead of answering. Without a status the connection is dropped."""

    status: int | None = None
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    #: Sent instead of the error document, with ``status``.
    body: bytes | None = None
    #: Seconds of silence before the answer.
    delay: float = 0.0


@dataclass
class Consent:
    """What a person does on the page of consent, and what Google gives for it."""

    #: What the page says in the place of a code.
    error: str = ""
    granted: str = SCOPE
    gives_refresh_token: bool = True
    #: Seconds, for an application in testing.
    refresh_token_expires_in: int | None = None


class FakeGoogle:
    """The server. Use as a context manager."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"google": self}))
        self._server.daemon_threads = True
        self.reset()

    def reset(self) -> None:
        """Forget everything; the address stays."""
        self.calendars: dict[str, FakeCalendar] = {}
        self.page_size = 2500
        #: By endpoint (calendarList, calendars, events, colors, token) and number of the request to it, from 1.
        self.failures: dict[tuple[str, int], Failure] = {}
        self.requests: Counter[str] = Counter()
        self.queries: list[dict[str, str]] = []
        #: Tokens that the API accepts, and for whom.
        self.tokens: dict[str, str] = {}
        #: By sync token: the parameters that it was given for, and the events that its holder knows.
        self.syncs: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {}
        self.public_key: bytes | None = None
        self.refresh_token = "1//refresh-secret"
        self.granted = {SCOPE}
        self.client = {"client_id": "client", "client_secret": "GOCSPX-client"}
        self.consent = Consent()
        #: What the page of consent was asked with, by the code that it gave.
        self.codes: dict[str, dict[str, str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FakeGoogle:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """The token endpoint: a service account's assertion (RFC 7523) or a refresh token (RFC 6749, 6)."""
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") != self.refresh_token:
                raise _Refused(400, {"error": "invalid_grant", "error_description": "Token has been revoked."})
            if not set(form.get("scope", "").split()) <= self.granted:
                raise _Refused(400, {"error": "invalid_scope", "error_description": "Bad Request"})
            return self._issued("user")
        if form.get("grant_type") == "authorization_code":
            return self._exchanged(form)
        from google.auth import jwt

        # google-auth writes Google's own address as the audience, wherever it sends the assertion.
        claims = jwt.decode(form["assertion"], certs=self.public_key, audience="https://oauth2.googleapis.com/token")
        if claims["scope"] != SCOPE:
            raise _Refused(400, {"error": "invalid_scope", "error_description": "Bad Request"})
        return self._issued(claims.get("sub", claims["iss"]))

    def redirect(self, query: dict[str, str]) -> str:
        """The page of consent, once the person has answered: where it sends the browser (RFC 6749, 4.1.2)."""
        assert query["response_type"] == "code"
        assert query["redirect_uri"].startswith("http://127.0.0.1:")
        answer = {"error": self.consent.error} if self.consent.error else {"code": f"4/code-{len(self.codes) + 1}"}
        if "code" in answer:
            self.codes[answer["code"]] = query
        return f"{query['redirect_uri']}?{urlencode(answer | {'state': query['state'], 'scope': query['scope']})}"

    def _exchanged(self, form: dict[str, str]) -> dict[str, Any]:
        """A code for tokens, once: RFC 6749, 4.1.3, and the proof of RFC 7636, 4.6."""
        if any(form.get(name) != value for name, value in self.client.items()):
            raise _Refused(
                401, {"error": "invalid_client", "error_description": "The provided client secret is invalid."}
            )
        asked = self.codes.pop(form["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked is None or asked["redirect_uri"] != form["redirect_uri"] or asked["code_challenge"] != proof:
            raise _Refused(400, {"error": "invalid_grant", "error_description": "Bad Request"})
        answer = self._issued("user") | {"scope": self.consent.granted}
        if self.consent.gives_refresh_token and asked["access_type"] == "offline" and asked["prompt"] == "consent":
            answer["refresh_token"] = self.refresh_token
            if self.consent.refresh_token_expires_in:
                answer["refresh_token_expires_in"] = self.consent.refresh_token_expires_in
        return answer

    def _issued(self, subject: str) -> dict[str, Any]:
        token = f"ya29.secret-{len(self.tokens) + 1}"
        self.tokens[token] = subject
        return {"access_token": token, "expires_in": 3599, "token_type": "Bearer", "scope": SCOPE}

    def answer(self, endpoint: str, calendar_id: str, query: dict[str, str]) -> dict[str, Any]:
        """The document of one GET, valid by its schema."""
        if endpoint == "colors":
            return valid("Colors", {"kind": "calendar#colors", "calendar": {}, "event": PALETTE})
        if endpoint == "calendarList" and not calendar_id:
            listed = [one.entry for one in self.calendars.values() if one.listed]
            return valid("CalendarList", {"kind": "calendar#calendarList", "etag": '"1"', "items": listed})
        calendar = self.calendars.get(calendar_id)
        if calendar is None or (endpoint == "calendarList" and not calendar.listed):
            raise _Refused(404, _error(404, "notFound"))
        entry = calendar.entry
        if endpoint == "calendarList":
            extra: dict[str, Any] = {
                "kind": "calendar#calendarListEntry",
                "etag": '"1"',
                "accessRole": "owner",
                "selected": True,
            }
            return valid("CalendarListEntry", {**extra, **entry})
        if endpoint == "calendars":
            own: dict[str, Any] = {
                name: entry[name] for name in ("id", "summary", "description", "timeZone") if name in entry
            }
            if calendar.labels:
                own["labelProperties"] = {"eventLabels": calendar.labels}
            return valid("Calendar", {"kind": "calendar#calendar", "etag": '"1"', **own})
        return valid("Events", self._page(calendar, query))

    def expire(self) -> None:
        """Forget what the holders of sync tokens know: they get 410."""
        self.syncs = {}

    def _changed(self, calendar: FakeCalendar, query: dict[str, str]) -> list[dict[str, Any]]:
        """What changed since the sync token was given; of what was deleted nothing but the id is left."""
        if _NOT_WITH_SYNC & query.keys() or query.get("showDeleted") == "false":
            raise _Refused(400, _error(400, "invalid"))
        parameters, known = self.syncs.get(query["syncToken"], (None, {}))
        if parameters is None:
            raise _Refused(410, _error(410, "fullSyncRequired"))
        if parameters != _parameters(query):  # "to avoid undefined behavior"
            raise _Refused(400, _error(400, "invalid"))
        now = {event["id"]: event for event in calendar.events}
        left = {"kind": "calendar#event", "etag": '"9"', "status": "cancelled"}
        gone = [left | {"id": name} for name in sorted(known.keys() - now.keys())]
        return [event for name, event in now.items() if event != known.get(name)] + gone

    def _page(self, calendar: FakeCalendar, query: dict[str, str]) -> dict[str, Any]:
        listing = json.dumps({name: value for name, value in query.items() if name != "pageToken"}, sort_keys=True)
        signature = hashlib.sha256(listing.encode()).hexdigest()[:8]
        offset = 0
        if "pageToken" in query:
            signed, _, start = base64.urlsafe_b64decode(query["pageToken"]).decode().partition(":")
            if signed != signature:  # a token belongs to the parameters that it was given for
                raise _Refused(400, _error(400, "invalid"))
            offset = int(start)
        zone = calendar.entry.get("timeZone", "UTC")
        if "syncToken" in query:
            found = self._changed(calendar, query)
        else:
            found = [event for event in calendar.events if _listed(event, query)]
        size = min(int(query.get("maxResults", "250")), self.page_size)
        page: dict[str, Any] = {
            "kind": "calendar#events",
            "etag": f'"{time.monotonic_ns()}"',
            "updated": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "summary": calendar.entry.get("summary", ""),
            "timeZone": zone,
            "accessRole": "owner",
            "defaultReminders": calendar.entry.get("defaultReminders", []),
            "items": found[offset : offset + size],
        }
        if offset + size < len(found):
            page["nextPageToken"] = base64.urlsafe_b64encode(f"{signature}:{offset + size}".encode()).decode()
        else:
            token = page["nextSyncToken"] = f"sync-{len(self.syncs) + 1}-{time.monotonic_ns()}"
            self.syncs[token] = _parameters(query), {event["id"]: copy.deepcopy(event) for event in calendar.events}
        return page


def _listed(event: dict[str, Any], query: dict[str, str]) -> bool:
    """Whether a whole listing gives it, recurring events as such: nobody here asks for anything else."""
    if query.get("singleEvents") == "true" or {"timeMin", "timeMax"} & query.keys():
        raise NotImplementedError
    return event.get("status") != "cancelled" or query.get("showDeleted") == "true"


def _parameters(query: dict[str, str]) -> str:
    """What a sync token is bound to."""
    return json.dumps({name: query[name] for name in sorted(query.keys() - {"syncToken", "pageToken"})})


class _Refused(Exception):
    """An answer that says no."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.document = status, document


class _Handler(BaseHTTPRequestHandler):
    google: FakeGoogle
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        steps = [unquote(step) for step in parts.path.removeprefix("/calendar/v3/").split("/")]
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/o/oauth2/v2/auth":
            self.google.requests["consent"] += 1
            self._send_bytes(302, b"", {"Location": self.google.redirect(query)})
            return
        if steps[:2] == ["users", "me"]:
            steps = steps[2:]
        endpoint = "events" if steps[-1] == "events" else steps[0]
        if self._failed(endpoint):
            return
        self.google.queries.append(query)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.google.tokens:
            self._send(401, _error(401, "authError"))
            return
        try:
            self._send(200, self.google.answer(endpoint, steps[1] if len(steps) > 1 else "", query))
        except _Refused as refused:
            self._send(refused.status, refused.document)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self._failed("token"):
            return
        try:
            self._send(200, self.google.token({name: values[0] for name, values in parse_qs(body).items()}))
        except _Refused as refused:
            self._send(refused.status, refused.document)

    def _failed(self, endpoint: str) -> bool:
        self.google.requests[endpoint] += 1
        failure = self.google.failures.get((endpoint, self.google.requests[endpoint]))
        if failure is None:
            return False
        time.sleep(failure.delay)
        if failure.status is None:
            self.close_connection = True
            return True
        document = {"error": failure.reason} if endpoint == "token" else _error(failure.status, failure.reason)
        body = failure.body if failure.body is not None else json.dumps(document).encode()
        self._send_bytes(failure.status, body, failure.headers)
        return True

    def _send(self, status: int, document: dict[str, Any]) -> None:
        self._send_bytes(status, json.dumps(document).encode(), {})

    def _send_bytes(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        own = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Date": self.date_time_string()}
        for name, value in {**own, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


def _error(status: int, reason: str) -> dict[str, Any]:
    """An error as the guide shows it, with a secret in its text, as such texts may have one."""
    message = "anna@example.org may not do this with ya29.secret-1"
    return {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}


def valid(schema: str, document: dict[str, Any]) -> dict[str, Any]:
    _validator(schema).validate(document)
    return document


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    path = importlib.resources.files("googleapiclient") / "discovery_cache" / "documents" / "calendar.v3.json"
    schemas = json.loads(path.read_text())["schemas"]
    definitions = {name: _json_schema(one) for name, one in schemas.items()}
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{schema}", "$defs": definitions})


def _json_schema(given: dict[str, Any]) -> dict[str, Any]:
    """A schema of a discovery document (JSON Schema draft 3) as one of today, in which unknown fields are errors."""
    if "$ref" in given:
        return {"$ref": f"#/$defs/{given['$ref']}"}
    if given.get("type") == "array":
        return {"type": "array", "items": _json_schema(given["items"])}
    if given.get("type") == "object":
        others = given.get("additionalProperties")
        return {
            "type": "object",
            "properties": {name: _json_schema(one) for name, one in given.get("properties", {}).items()},
            "additionalProperties": _json_schema(others) if others else False,
        }
    return {} if given.get("type") == "any" else {"type": given["type"]}
