"""A web server on the loopback interface that does what a test tells it, also what no decent server does."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Asked:
    """A request that was received."""

    method: str
    #: With the query.
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer, and how it is given."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Answers 304 to a request that names this validator.
    etag: str | None = None
    last_modified: str | None = None
    #: Compresses, and says so.
    gzip: bool = False
    #: Instead of the true one.
    content_length: int | None = None
    #: The connection is dropped after this many bytes of the body.
    cut_after: int | None = None
    #: Seconds before the first byte.
    delay: float = 0
    #: No answer at all, until the client goes or the server stops.
    hangs: bool = False
    #: The body again and again, with this many seconds in between.
    endless: bool = False
    pause: float = 0


Route = Reply | Callable[[Asked], Reply]


class Web:
    """The server: ``web.routes["/feed.ics"] = Reply(…)``; what is not routed is 404."""

    def __init__(self, server: ThreadingHTTPServer, scheme: str) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        self.port: int = server.server_address[1]
        self.root = f"{scheme}://{server.server_address[0]!s}:{self.port}"

    def url(self, path: str) -> str:
        return self.root + path

    def feed(self, reply: Route, path: str = "/feed.ics") -> str:
        """Route ``path`` to ``reply``; its URL."""
        self.routes[path] = reply
        return self.url(path)

    def reply_to(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        route = self.routes.get(urlsplit(asked.path).path, Reply(status=404))
        reply = route if isinstance(route, Reply) else route(asked)
        unchanged = (reply.etag and asked.headers.get("if-none-match") == reply.etag) or (
            reply.last_modified and asked.headers.get("if-modified-since") == reply.last_modified
        )
        return Reply(status=304) if unchanged else reply


@contextmanager
def serve(certificate: tuple[str, str] | None = None, *, address: str = "127.0.0.1", port: int = 0) -> Iterator[Web]:
    """A running server.

    :param certificate: files of a certificate and its key: then it speaks TLS.
    """
    server = _Server((address, port), _Handler)
    server.web = Web(server, "https" if certificate else "http")
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.web
    finally:
        server.web.stopping.set()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    #: By default 5: a sixth connection at once would be tried again after a second.
    request_queue_size = 128
    web: Web

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes early is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def handle_request(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        reply = self.server.web.reply_to(asked)
        stopping = self.server.web.stopping
        if reply.hangs:
            stopping.wait(60)
            return
        time.sleep(reply.delay)
        body = gzip.compress(reply.body) if reply.gzip else reply.body
        self._send_head(reply, len(body))
        self.wfile.write(body if reply.cut_after is None else body[: reply.cut_after])
        while reply.endless and not stopping.wait(reply.pause):
            self.wfile.write(body)

    do_GET = do_POST = do_HEAD = do_PROPFIND = do_REPORT = handle_request

    def _send_head(self, reply: Reply, length: int) -> None:
        self.send_response(reply.status)
        if not reply.endless and reply.status != 304:
            self.send_header("Content-Length", str(length if reply.content_length is None else reply.content_length))
        given = {"ETag": reply.etag, "Last-Modified": reply.last_modified}
        given |= {"Content-Encoding": "gzip"} if reply.gzip else {}
        for name, value in (given | dict(reply.headers)).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Tests say what went wrong, not the server."""
