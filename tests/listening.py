"""A UDP listener on the loopback interface: what a StatsD or a syslog server would receive."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Heard:
    """What was received, in order."""

    port: int
    lines: list[str] = field(default_factory=list)


@contextmanager
def udp() -> Iterator[Heard]:
    """A listener on a port of its own, until the block ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)
        heard = Heard(receiver.getsockname()[1])
        ended = threading.Event()

        def listen() -> None:
            while True:
                try:
                    heard.lines += receiver.recv(65536).decode("utf-8", "replace").splitlines()
                except TimeoutError:  # what was sent before the end has been heard by now
                    if ended.is_set():
                        return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            ended.set()
            thread.join()
