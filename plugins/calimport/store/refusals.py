"""What the store refuses, each with the HTTP status that says the same.

::

    StoreError
    ├── FilterInvalid             400  unknown, without a value, or with one that is none of its kind
    ├── FieldInvalid              400  not a field, not a user's to write, or a value that is none of its kind
    ├── ActivityOfOthers          403  it would be none of the caller's
    ├── StoreNotFound             404  no such activity, user, calendar or place, or none of the caller's
    ├── ActivityImported          409  it belongs to a calendar that is imported
    ├── ActivityExists            409  another one of that calendar has this iCalUID
    ├── ActivityChanged           412  it is no longer what the caller has read
    └── PreconditionMissing       428  the caller does not say what they have read
"""

from __future__ import annotations

from typing import ClassVar

from calimport.errors import CalimportError


class StoreError(CalimportError):
    """The root. Its sentence is for the caller, who is a person or a person's program."""

    status: ClassVar[int] = 400
    sentence = "The request cannot be fulfilled."


class FilterInvalid(StoreError):
    sentence = "A filter is not valid."


class FieldInvalid(StoreError):
    sentence = "A field is not valid."


class ActivityOfOthers(StoreError):
    status = 403
    sentence = "The activity would be somebody else's."


class StoreNotFound(StoreError):
    status = 404
    sentence = "There is no such thing."


class ActivityImported(StoreError):
    status = 409
    sentence = "The activity belongs to a calendar that is imported. Change it there."


class ActivityExists(StoreError):
    status = 409
    sentence = "There is another activity with this iCalUID."


class ActivityChanged(StoreError):
    status = 412
    sentence = "The activity has changed since it was read. Read it again."


class PreconditionMissing(StoreError):
    status = 428
    sentence = "Say which state of the activity you have read: If-Match with its ETag, or *."
