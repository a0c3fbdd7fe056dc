"""What the OpenAPI document says: the shapes of answers, the filters, every status that can come."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from calimport.store import fields
from calimport.store.fields import FIELDS, OPERATORS

Responses = dict[int | str, dict[str, Any]]


class Background(BaseModel):
    """A colour: the event's own, else its calendar's."""

    background: str


class Activity(BaseModel):
    """One dated occurrence. Times are epoch seconds."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 7,
                    "user": "/api/v1/user/2/",
                    "calendar_id": 3,
                    "calendar_name": "By hand: personal of Anna",
                    "activity_type": "personal",
                    "event_id": None,
                    "recurring_event_id": None,
                    "iCalUID": "0b9f3f0e-5b0e-4b8e-9b39-3f1f6b1f8a55@calimport",
                    "title": "Coffee with Joel",
                    "description": None,
                    "location": None,
                    "html_link": "https://example.com/coffee",
                    "status": "confirmed",
                    "start": 1795428000,
                    "end": 1795431600,
                    "all_day": False,
                    "timezone": "UTC",
                    "created": 1795400000,
                    "updated": 1795400000,
                    "creator": None,
                    "color": None,
                    "reminders": [1795427400],
                    "by_hand": True,
                    "resource_uri": "/api/v1/activity/7/",
                }
            ]
        }
    )

    id: int
    user: str | None = Field(description="Path of the user; null: nobody's.")
    calendar_id: int
    calendar_name: str
    activity_type: str | None
    event_id: str | None = Field(description="The provider's own id of the occurrence.")
    recurring_event_id: str | None = Field(description="The provider's own id of the series.")
    iCalUID: str = Field(description="RFC 5545 UID.")
    title: str | None = Field(description="Plain text; escape it on a page.")
    description: str | None = Field(description="Markdown.")
    location: str | None
    html_link: str | None
    status: str = Field(description="confirmed, tentative or cancelled.")
    start: int
    end: int = Field(description="Exclusive.")
    all_day: bool = Field(description="Then start and end are midnight in the calendar's zone.")
    timezone: str | None
    created: int | None
    updated: int | None
    creator: dict[str, Any] | None = Field(description="name and email.")
    color: Background | None
    reminders: list[int]
    by_hand: bool = Field(description="Whether it was written here, and can be changed here.")
    resource_uri: str


class Meta(BaseModel):
    """Which part of the whole this is."""

    limit: int
    offset: int
    total_count: int
    next: str | None = Field(description="Path of the next page.")
    previous: str | None = Field(description="Path of the page before.")


class ActivityList(BaseModel):
    """A page of activities."""

    meta: Meta
    activities: list[Activity]


class UserCalendar(BaseModel):
    """A calendar of a user."""

    id: int
    name: str
    activity_type: str


class User(BaseModel):
    """Somebody whose calendars are imported."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 2,
                    "username": "Anna",
                    "resource_uri": "/api/v1/user/2/",
                    "calendars": [{"id": 3, "name": "By hand: personal of Anna", "activity_type": "personal"}],
                }
            ]
        }
    )

    id: int
    username: str
    resource_uri: str
    calendars: list[UserCalendar]


class Problem(BaseModel):
    """Why not, as a sentence."""

    detail: str


def answers(*statuses: int) -> Responses:
    """What a route may answer besides its success."""
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in sorted({*statuses, *_ALWAYS})}


#: What no route that needs a sign-in can do without.
_ALWAYS: Final = (401, 403, 503)
_MEANINGS: Final = {
    400: "A filter or a field is not valid; the sentence names those that are.",
    401: "Not signed in.",
    403: "Signed in without the permission, with an invalid token, or from a page of another website.",
    404: "There is no such thing.",
    409: "It belongs to an imported calendar, or the iCalUID is taken.",
    412: "It has changed since it was read.",
    428: "If-Match is missing.",
    503: "The database cannot be reached just now.",
}
NOT_MODIFIED: Final[Responses] = {304: {"description": "It is what If-None-Match names.", "content": {}}}

_INTEGER: Final = {"type": "integer", "minimum": -(2**63 - 1), "maximum": 2**63 - 1}
_TEXT: Final = {"type": "string", "minLength": 1, "pattern": r"^[^\x00]+$"}
_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "number": _INTEGER,
    "instant": {"type": "integer", "minimum": fields.EARLIEST, "maximum": fields.LATEST},
    "instants": {"type": "integer", "minimum": fields.EARLIEST, "maximum": fields.LATEST},
    "text": _TEXT,
    "flag": {"type": "boolean"},
}


def filter_parameters() -> list[dict[str, Any]]:
    """A query parameter for each filter there is."""
    return [
        _parameter(field.name if operator == "exact" else f"{field.name}__{operator}", field.kind, operator)
        for field in FIELDS.values()
        for operator in OPERATORS[field.kind]
    ]


def _parameter(name: str, kind: str, operator: str) -> dict[str, Any]:
    if operator == "isnull":
        schema: dict[str, Any] = {"type": "boolean"}
    elif operator == "in" or kind == "instants":
        schema = {"type": "array", "items": _SCHEMAS[kind], "minItems": 1, "maxItems": 100}
    elif operator == "range":
        schema = {"type": "array", "items": _SCHEMAS[kind], "minItems": 2, "maxItems": 2}
    else:
        schema = _SCHEMAS[kind]
    return {"name": name, "in": "query", "required": False, "schema": schema}
