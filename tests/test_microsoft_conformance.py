"""The source ``microsoft`` keeps what every source keeps."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from calimport.sources import microsoft_credentials
from tests.fake_microsoft import GRAPH, LOGIN, TENANT
from tests.source_conformance import SourceConformance
from tests.web import Asked, Reply


class TestConformance(SourceConformance):
    kind = "microsoft"
    source = "anna@example.org"
    connection: ClassVar[dict[str, Any]] = {
        "conn_type": "http",
        "login": "application",
        "password": "app-s3cret",
        "extra": {"tenant": TENANT},
    }
    secrets = ("app-s3cret", "eyJ0.token")
    hosts = ("graph.microsoft.com", "login.microsoftonline.com")
    listing = 4

    def fetch(self, *arguments, **more):
        microsoft_credentials._known.clear()  # each fetch signs in, so that each can fail there
        return super().fetch(*arguments, **more)

    def is_supplementary(self, request):
        return request.url.path.endswith("/mailboxSettings/timeZone")

    def answers(self, samples):
        items = [_item(one) for one in samples]

        def delta(asked: Asked) -> Reply:
            if "skiptoken" in asked.path:
                return _json({"value": items[1:], "@odata.deltaLink": link + "?$deltatoken=1"})
            first = {"@odata.nextLink": link + "?$skiptoken=1"} if items[1:] else {"@odata.deltaLink": link}
            return _json({"value": items[:1], **first})

        mailbox = f"{GRAPH}/users/anna@example.org"
        link = f"https://{mailbox}/calendarView/delta"
        return {
            LOGIN: _json({"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ0.token"}),
            f"{mailbox}/calendar": _json({"id": "AAMk", "name": "Calendar"}),
            f"{mailbox}/mailboxSettings/timeZone": _json({"value": "GMT Standard Time"}),
            f"{mailbox}/calendarView/delta": delta,
        }


def _item(one):
    times = {"start": one.start, "end": one.end}
    return {
        "id": one.uid,
        "iCalUId": f"{one.uid}-ical",
        "type": "singleInstance",
        "subject": one.title,
        **{name: _time(given) for name, given in times.items() if given},
        **({"body": {"contentType": "html", "content": one.description}} if one.description else {}),
        **({"location": {"displayName": one.location}} if one.location else {}),
    }


def _time(given):
    return {"dateTime": f"{given:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


def _json(document) -> Reply:
    return Reply(json.dumps(document).encode(), headers={"Content-Type": "application/json"})
