"""A real CalDAV server, Radicale, on the loopback interface; and what a person's calendar program does with it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx
from radicale import Application, config

USER, PASSWORD = "anna", "s3cret-word"


class Radicale:
    """A running server with one user."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self._client = httpx.Client(base_url=url, auth=(USER, PASSWORD), trust_env=False)

    def make_calendar(self, name: str, *, properties: str = "", components: str = "VEVENT") -> str:
        """A calendar of the user; its address.

        :param properties: XML of further properties, with the prefixes D, C and A.
        """
        kinds = "".join(f'<C:comp name="{one}"/>' for one in components.split())
        body = (
            '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:A="http://apple.com/ns/ical/">'
            f"<D:set><D:prop><C:supported-calendar-component-set>{kinds}</C:supported-calendar-component-set>"
            f"{properties}</D:prop></D:set></C:mkcalendar>"
        )
        self._send("MKCALENDAR", f"/{USER}/{name}/", body)
        return f"{self.url}/{USER}/{name}/"

    def put(self, calendar: str, name: str, text: bytes) -> None:
        self._send("PUT", f"/{USER}/{calendar}/{name}", text, {"Content-Type": "text/calendar"})

    def delete(self, calendar: str, name: str) -> None:
        self._send("DELETE", f"/{USER}/{calendar}/{name}", b"")

    def forget_tokens(self, calendar: str) -> None:
        """As after a restore from a backup."""
        for token in self.folder.rglob(f"{calendar}/.Radicale.cache/sync-token/*"):
            token.unlink()

    def _send(self, method: str, path: str, content: str | bytes, headers: dict[str, str] | None = None) -> None:
        self._client.request(method, path, content=content, headers=headers).raise_for_status()


@contextmanager
def serve(folder: Path) -> Iterator[Radicale]:
    """A running server that keeps everything in ``folder``."""
    users = folder / "users"
    users.write_text(f"{USER}:{PASSWORD}\n")
    configuration = config.load()
    configuration.update(
        {
            "auth": {"type": "htpasswd", "htpasswd_filename": str(users), "htpasswd_encryption": "plain", "delay": "0"},
            "storage": {"filesystem_folder": str(folder / "collections"), "_filesystem_fsync": "False"},
            "logging": {"level": "error"},
        },
        "tests",
        privileged=True,
    )
    server = make_server("127.0.0.1", 0, Application(configuration), _Server, _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Radicale(f"http://127.0.0.1:{server.server_port}", folder / "collections")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Tests say what went wrong, not the server."""
