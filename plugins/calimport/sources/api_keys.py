"""What providers with an API have in common: keys (an Airflow connection's password), refusals, ids."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from calimport.connections import read_connection
from calimport.errors import CredentialsForbidden, CredentialsInvalid, CredentialsMissing, FeedIncomplete
from calimport.fetching import Http
from calimport.sources.base import FetchRequest
from calimport.sources.loose import text


def api_key(request: FetchRequest, http: Http, provider: str) -> str | None:
    """The key; None where a recording answers, which needs none.

    :param provider: its name, for the owner.
    :raises CredentialsMissing: no connection is configured, or it holds no key.
    :raises CredentialsInvalid: the key has characters that no key has.
    """
    if http.replayed:
        return None
    if request.connection_id is None:
        raise CredentialsMissing(
            f"{provider} gives its events to those with an API key. Please add an Airflow connection with the key as "
            "its password, and name it for this calendar."
        )
    key = read_connection(request.connection_id).password.strip()
    if not key:
        raise CredentialsMissing(f"The connection {request.connection_id} holds no password: put the API key there.")
    if not (key.isascii() and key.isprintable()):
        raise CredentialsInvalid(f"The password of the connection {request.connection_id} is no API key of {provider}.")
    return key


@contextmanager
def refused_keys(provider: str) -> Iterator[None]:
    """Requests with a key run in here: 401 and 403 are said in the provider's name.

    :raises CredentialsInvalid: the provider does not know the key.
    :raises CredentialsForbidden: it knows the key, which may not read events.
    """
    try:
        yield
    except CredentialsInvalid as error:
        raise CredentialsInvalid(
            f"{provider} does not accept the API key of this calendar: it is wrong, expired or withdrawn. "
            "Please put a new one into its connection.",
            detail=error.detail,
        ) from error
    except CredentialsForbidden as error:
        raise CredentialsForbidden(
            f"{provider} knows the API key of this calendar but does not let it read events. "
            "Please give the key that permission.",
            detail=error.detail,
        ) from error


def identity(item: dict[str, Any], what: str) -> str:
    """The id of an item of a listing.

    :raises FeedIncomplete: it has none: a listing in which items cannot be told apart is not one.
    """
    found = text(item.get("id"))
    if found is None:
        raise FeedIncomplete(detail=f"{what} without an id")
    return found
