"""The ``Authorization`` of a request, and whose budget the request counts against."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Auth:
    """An ``Authorization`` header. Has no ``repr``: it would show the secret."""

    header: str
    #: What names its budget, and is the same for all that share one: the key itself, or the connection of a token.
    owner: str

    @classmethod
    def basic(cls, login: str, password: str = "") -> Auth:
        """A login and a password, or a key in the login's place (RFC 7617)."""
        header = f"Basic {b64encode(f'{login}:{password}'.encode()).decode()}"
        return cls(header, owner=header)

    @classmethod
    def bearer(cls, token: str, *, owner: str | None = None) -> Auth:
        """A token (RFC 6750).

        :param owner: whose token it is, where tokens change.
        """
        return cls(f"Bearer {token}", owner=owner or token)
