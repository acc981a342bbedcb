# SPDX-License-Identifier: Apache-2.0
"""Credentials of the header ``Authorization``: an API key, or a token signed with an access key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

TOKEN_SECONDS = 1800
"""Life of a signed token, as in the vendor's sample; no maximum is documented."""

_REFRESH_MARGIN = 300
_CLOCK_SKEW = 5


class Credentials(Protocol):
    """Something that gives a bearer token."""

    def token(self) -> str:
        """Return a token that is valid now.

        :return: the value of the header ``Authorization`` after ``Bearer``.
        """

    def refresh(self) -> bool:
        """Discard the current token.

        :return: ``True`` if the next token can differ from it.
        """

    def secrets(self) -> list[str]:
        """Return the texts that must never be logged or shown.

        :return: the secrets; none is empty.
        """

    def identity(self) -> str:
        """Return what distinguishes this account from others. It may be a secret: only its hash may be shown.

        :return: the same text for the same account.
        """


class ApiKey(Credentials):
    """A static API key, of Kling or of a gateway.

    :param key: the key.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def token(self) -> str:
        """Return the key itself."""
        return self._key

    def refresh(self) -> bool:
        """Change nothing: a key has no expiry."""
        return False

    def secrets(self) -> list[str]:
        """Return the key."""
        return [self._key]

    def identity(self) -> str:
        """Return the key: nothing else is known of the account."""
        return self._key


class AccessKey(Credentials):
    """AccessKey and SecretKey: a JWT (HS256), signed again before it expires.

    :param access_key: becomes the claim ``iss``.
    :param secret_key: signs the token.
    :param clock: Unix time in seconds.
    """

    def __init__(self, access_key: str, secret_key: str, clock: Callable[[], float] = time.time) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._clock = clock
        self._token = self._previous = ""
        self._expires = 0.0

    def token(self) -> str:
        """Return a token with at least five minutes left."""
        now = self._clock()
        if now > self._expires - _REFRESH_MARGIN:
            self._expires = now + TOKEN_SECONDS
            # Answers to requests with the previous token may still come.
            self._previous, self._token = self._token, self._sign(int(now))
        return self._token

    def refresh(self) -> bool:
        """Sign a new token at the next use."""
        self._expires = 0.0
        return True

    def secrets(self) -> list[str]:
        """Return both keys, the current token and the one before it."""
        known = (self._token, self._previous, self._secret_key, self._access_key)
        return [secret for secret in known if secret]

    def identity(self) -> str:
        """Return the AccessKey, which stays when the SecretKey is renewed."""
        return self._access_key

    def _sign(self, now: int) -> str:
        import jwt

        claims = {"iss": self._access_key, "exp": now + TOKEN_SECONDS, "nbf": now - _CLOCK_SKEW}
        return jwt.encode(claims, self._secret_key, algorithm="HS256")


def parse_credentials(login: str | None, password: str | None) -> Credentials | None:
    """Choose the kind of credentials that a connection holds.

    :param login: AccessKey, or empty for an API key.
    :param password: SecretKey or API key.
    :return: the credentials; ``None`` if the connection has none.
    :raises ValueError: one of them cannot be a key; the text names it and does not show it.
    """
    login, password = _clean_key("login", login), _clean_key("password", password)
    if not password:
        return None
    return AccessKey(login, password) if login else ApiKey(password)


def _clean_key(name: str, key: str | None) -> str:
    key = (key or "").strip()
    if not all("!" <= character <= "~" for character in key):
        raise ValueError(f"{name} holds spaces or characters that no key has: it was not copied as a whole")
    return key
