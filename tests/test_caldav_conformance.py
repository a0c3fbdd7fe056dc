"""The source ``caldav`` keeps what every source keeps."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.fake_caldav import FakeCollection
from tests.importing import feed
from tests.source_conformance import SourceConformance


class TestConformance(SourceConformance):
    kind = "caldav"
    source = "https://dav.example/calendars/choir/"
    connection: ClassVar[dict[str, Any]] = {"conn_type": "http", "login": "ann", "password": "s3cret-word"}
    secrets = ("s3cret-word", "YW5uOn")
    hosts = ("dav.example",)

    def answers(self, samples):
        collection = FakeCollection(page_size=1)
        for one in samples:
            lines = [
                f"UID:{one.uid}",
                f"DTSTART:{one.start:%Y%m%dT%H%M%SZ}",
                f"SUMMARY:{one.title}",
                *([f"DTEND:{one.end:%Y%m%dT%H%M%SZ}"] if one.end else []),
                *([f"DESCRIPTION:{one.description}"] if one.description else []),
                *([f"LOCATION:{one.location}"] if one.location else []),
            ]
            collection.put(f"{one.uid}.ics", feed("\n".join(lines)).decode())
        return {"dav.example/calendars/choir/": collection}
