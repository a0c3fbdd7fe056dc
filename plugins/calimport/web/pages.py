"""The pages themselves: files, and headers that let them run nothing but these files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse

STATIC: Final = Path(__file__).parent / "static"

#: No script and no style but our files. The hash is that of nothing: FullCalendar fills an empty <style> by its object
#: model; and its icons are a font in its own file.
_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "font-src data:",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'self'",
)
HEADERS: Final = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # Asked for again each time, and answered with 304: after an upgrade no page has a script of the version before.
    "Cache-Control": "no-cache",
}

router = APIRouter()


@router.get("/ui/", response_class=FileResponse)
def list_page() -> FileResponse:
    """All calendars."""
    return FileResponse(STATIC / "list.html")


@router.get("/ui/calendar", response_class=FileResponse)
def calendar_page() -> FileResponse:
    """One calendar."""
    return FileResponse(STATIC / "calendar.html")


@router.get("/ui/edit", response_class=FileResponse)
def edit_page() -> FileResponse:
    """A form for a new calendar, or a changed one."""
    return FileResponse(STATIC / "edit.html")
