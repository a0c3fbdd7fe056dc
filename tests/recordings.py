"""HTTP Archives as a browser exports them, made of fixtures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.site_rows import fixture

_TYPES = {"<": "text/html", "{": "application/json", "[": "application/json", "B": "text/calendar"}


def recording(folder: Path, answers: Mapping[str, str]) -> Path:
    """An archive of these answers, in their order.

    :param answers: by ``URL``, or ``METHOD URL``: a fixture's name, a text, or ``-> URL`` for a redirect. An address
        that is asked twice has ``#`` and something behind it.
    """
    path = folder / "site.har"
    entries = [_entry(asked, answer) for asked, answer in answers.items()]
    path.write_text(json.dumps({"log": {"version": "1.2", "creator": {"name": "browser"}, "entries": entries}}))
    return path


def _entry(asked: str, answer: str) -> dict[str, Any]:
    method, _, url = asked.rpartition(" ")
    request: dict[str, Any] = {"method": method or "GET", "url": url, "httpVersion": "h2", "queryString": []}
    request["headers"] = [{"name": ":authority", "value": url.split("/")[2]}, {"name": "cookie", "value": "a=b"}]
    if method == "POST":
        request["postData"] = {"mimeType": "application/json", "text": '{"query": "{ somebody { elses } }"}'}
    if answer.startswith("-> "):
        location = answer.removeprefix("-> ")
        response = {"status": 302, "headers": [], "content": {"size": 0}, "redirectURL": location}
    else:
        text = answer if "\n" in answer or answer[:1] in ("<", "{", "[") else fixture(answer).decode()
        status = 207 if method in ("PROPFIND", "REPORT") else 200
        headers = [{"name": ":status", "value": "200"}, {"name": "content-encoding", "value": "br"}]
        content = {"mimeType": _TYPES.get(text.lstrip("\ufeff \r\n")[:1], ""), "text": text}
        response = {"status": status, "headers": headers, "content": content, "redirectURL": ""}
    return {"request": request, "response": response}
