"""The source ``ics`` keeps what every source keeps."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.importing import feed
from tests.source_conformance import SourceConformance
from tests.web import Reply


class TestConformance(SourceConformance):
    kind = "ics"
    source = None
    connection: ClassVar[dict[str, Any]] = {
        "conn_type": "http",
        "login": "ann",
        "password": "s3cret-word",
        "extra": {"url": "https://club.example/private-s3cret-path/basic.ics"},
    }
    secrets = ("s3cret-word", "s3cret-path", "YW5u")
    hosts = ("club.example",)

    def answers(self, samples):
        events = [
            "\n".join(
                [
                    f"UID:{one.uid}",
                    f"DTSTART:{one.start:%Y%m%dT%H%M%SZ}",
                    f"SUMMARY:{one.title}",
                    *([f"DTEND:{one.end:%Y%m%dT%H%M%SZ}"] if one.end else []),
                    *([f"DESCRIPTION:{one.description}"] if one.description else []),
                    *([f"LOCATION:{one.location}"] if one.location else []),
                ]
            )
            for one in samples
        ]
        return {"club.example/private-s3cret-path/basic.ics": Reply(feed(*events))}
