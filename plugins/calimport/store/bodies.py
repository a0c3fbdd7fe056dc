"""What a client may send of an activity, field by field; the HTTP documentation follows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from calimport.store import fields

Seconds = Annotated[int, Field(ge=fields.EARLIEST, le=fields.LATEST)]
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
UserUri = Annotated[str, StringConstraints(pattern=r"^/api/v1/user/[0-9]{1,18}/$")]
#: An index holds the UID: 255 characters are 1,020 bytes at most.
Reference = Annotated[str, StringConstraints(min_length=1, max_length=255)]
ReadOnly = Annotated[Any, Field(description="Not to be changed.", json_schema_extra={"readOnly": True})]
Type = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$", max_length=100)]


class Color(BaseModel):
    """A colour, as the original had it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    background: Annotated[str, StringConstraints(pattern=r"^(#[0-9a-fA-F]{6}|[a-z]{3,30})$")] = Field(
        description="`#rrggbb` or a CSS name."
    )


class ActivityFields(BaseModel):
    """What can be sent. A field that is left out stays as it is, or gets its default.

    Fields that are not a user's to write may be sent back as they were read, and not otherwise.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "title": "Coffee with Joel",
                    "status": "confirmed",
                    "html_link": "https://example.com/coffee",
                    "user": "/api/v1/user/2/",
                    "activity_type": "personal",
                    "start": 1795428000,
                    "end": 1795431600,
                    "reminders": [1795427400],
                }
            ]
        },
    )

    title: Annotated[str, Field(max_length=1000)] | None = Field(None, description="Plain text, one line.")
    description: Annotated[str, Field(max_length=100_000)] | None = Field(
        None, description="Plain text or HTML; it is kept as safe Markdown."
    )
    location: Annotated[str, Field(max_length=1000)] | None = Field(None, description="Plain text, one line.")
    html_link: Annotated[str, Field(max_length=2000)] | None = Field(None, description="The activity's own page.")
    status: Literal["confirmed", "tentative", "cancelled"] = "confirmed"
    start: Seconds = Field(0, description="Epoch seconds. Default: the present.")
    end: Seconds = Field(0, description="Epoch seconds, exclusive, not before `start`. Default: `start`.")
    activity_type: Type = Field("personal", description="What it is to the user.")
    user: Id | UserUri | None = Field(None, description="Whose it is: the user's id or path; null: nobody's.")
    color: Color | None = None
    reminders: Annotated[list[Seconds], Field(max_length=100)] = Field([], description="Epoch seconds.")
    iCalUID: Reference = Field("", description="Default: a new one.")
    event_id: Reference | None = Field(None, description="A reference of the client's own.")
    recurring_event_id: Reference | None = Field(None, description="A reference of the client's own.")

    id: ReadOnly = None
    resource_uri: ReadOnly = None
    calendar_id: ReadOnly = None
    calendar_name: ReadOnly = None
    all_day: ReadOnly = None
    timezone: ReadOnly = None
    created: ReadOnly = None
    updated: ReadOnly = None
    creator: ReadOnly = None
    by_hand: ReadOnly = None
