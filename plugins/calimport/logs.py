"""Logs that no stranger writes: what comes from feeds can neither begin a line of its own nor command a terminal.

Every module takes its logger from here, so that its lines are cleaned before any handler, ours or Airflow's, sees them:
control characters go, and addresses are masked, since a private one is a secret.
"""

from __future__ import annotations

import logging
import unicodedata

from calimport.errors import mask


def logger(name: str) -> logging.Logger:
    """The logger of this name, its lines cleaned."""
    found = logging.getLogger(name)
    if _clean not in found.filters:
        found.addFilter(_clean)
    return found


def printable(text: str) -> str:
    """``text`` as one line without control characters, nor marks that turn the direction of what follows."""
    if text.isprintable():
        return text
    categories = ((character, unicodedata.category(character)) for character in text)
    kept = (" " if category in ("Cc", "Zl", "Zp") else character for character, category in categories
            if category not in ("Cf", "Cs"))  # fmt: skip
    return "".join(kept)


def _clean(record: logging.LogRecord) -> bool:
    """Clean a record in place. A traceback becomes part of the message, each of its lines set in."""
    message = printable(record.getMessage())
    if record.exc_info and record.exc_info[0] is not None:
        lines = logging.Formatter().formatException(record.exc_info).split("\n")
        message = "\n    ".join([message, *map(printable, lines)])
        record.exc_info = record.exc_text = None
    record.msg, record.args = mask(message), ()
    return True
