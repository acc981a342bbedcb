# SPDX-License-Identifier: Apache-2.0
"""Read and check a connection of type ``kling``; its form in Airflow 2.11 to 3.1."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal
from urllib.parse import urlsplit

from ..api.auth import AccessKey, Credentials, parse_credentials
from ..api.hosts import DEFAULT_HOST, DIALECTS, Dialect, currency_of_host, dialect_for_host
from ..exceptions import JobState, KlingAuthError, KlingRequestInvalid
from ..get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
SECONDS_PER_MEGABYTE = 4.0
"""Added to the read timeout for each megabyte of a request: base64 images take their time."""

TOTAL_TIMEOUT_FACTOR = 5
"""Read timeouts after which an answer that is still arriving is given up: it may never end."""

ALLOWED_EXTRAS = ("base_path", "dialect", "proxy", "timeout", "verify")
"""Keys that a connection's extra may hold; none of them becomes an HTTP header."""

ACCEPTED_CONN_TYPES = ("kling", "generic", "")
"""Types of connections whose secret is meant for Kling, or that name no service: a connection in JSON or in a
vault need not have a type."""

_HTTP_CONN_TYPES = ("http", "https")
"""Types that name only a protocol: their secret is meant for the host of the connection."""

_log = logging.getLogger(__name__)

_BOOL_WORDS = {"true": True, "false": False}
_SCHEMES = ("http", "https")
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(?=[:/]|$)")
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")
_HOST = re.compile(r"[0-9a-f:.%]*:[0-9a-z:.%]*|(?!.{254})[\w-]{1,63}(\.[\w-]{1,63})*\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KlingSettings:
    """A checked connection.

    :param conn_id: the connection's id, for error texts.
    :param base_url: scheme, host, port and base path; calls append ``/v1/...``.
    :param dialect: what the host supports.
    :param credentials: gives the bearer token.
    :param fingerprint: hash of the connection's content; equal content may share polls.
    :param timeout: seconds to connect and seconds to wait for data.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param proxy: URL of a proxy, or ``None``.
    """

    conn_id: str
    base_url: str
    dialect: Dialect
    credentials: Credentials = field(repr=False)
    fingerprint: str
    timeout: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT)
    verify: bool | str = True
    proxy: str | None = field(default=None, repr=False)

    def url(self, path: str) -> str:
        """Return the full URL of an API path.

        :param path: path from ``/v1/`` or ``/account/`` on.
        :return: the URL.
        """
        return self.base_url + path

    def read_timeout(self, sent_bytes: int) -> float:
        """Return how long to wait for the answer to a request.

        :param sent_bytes: size of the request's body.
        :return: seconds.
        """
        return self.timeout[1] + SECONDS_PER_MEGABYTE * sent_bytes / 1_000_000

    def exchange_timeout(self, sent_bytes: int) -> float:
        """Return how long sending a request and reading its answer may take.

        :param sent_bytes: size of the request's body.
        :return: seconds.
        """
        return self.timeout[0] + TOTAL_TIMEOUT_FACTOR * self.read_timeout(sent_bytes)

    @property
    def proxies(self) -> dict[str, str] | None:
        """The proxy for each scheme; ``None`` leaves them to the environment."""
        return {"http": self.proxy, "https": self.proxy} if self.proxy else None

    @property
    def account(self) -> str:
        """A hash that stands for the account at its host, whatever the connection is called."""
        return _hash(self.base_url, self.credentials.identity())

    @property
    def hostname(self) -> str:
        """The host alone."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def currency(self) -> Literal["USD", "CNY"] | None:
        """The currency of a cash charge that names none; ``None`` if it is not known."""
        return currency_of_host(self.hostname) if self.dialect.name == "kling" else None

    @property
    def host_and_port(self) -> str:
        """The host as it is configured, with its port if it has one."""
        return urlsplit(self.base_url).netloc


def parse_connection(conn: Any, extra: Mapping[str, Any]) -> KlingSettings:
    """Check a connection.

    :param conn: an Airflow connection.
    :param extra: its extra as a dict (read by the caller: on an event loop that takes an await).
    :return: the checked connection.
    :raises KlingRequestInvalid: a key or value cannot be used.
    :raises KlingAuthError: there are no credentials.
    """
    conn_id = str(conn.conn_id)
    _check_type(conn_id, getattr(conn, "conn_type", None), conn.host)
    extras = {
        key: value for key, value in _parse_extra(conn_id, conn, extra).items() if value not in (None, "")
    }
    if unknown := sorted(set(extras) - set(ALLOWED_EXTRAS)):
        raise _invalid(
            conn_id, f"extra has {', '.join(map(repr, unknown))}; known keys are {', '.join(ALLOWED_EXTRAS)}"
        )
    origin, path = _parse_host(conn_id, conn)
    _warn_plain_http(conn_id, origin)
    dialect = _dialect(conn_id, extras.get("dialect"), origin)
    base_path = _base_path(conn_id, extras.get("base_path"), path, dialect)
    return KlingSettings(
        conn_id=conn_id,
        base_url=origin + base_path,
        dialect=dialect,
        credentials=_credentials(conn_id, conn, dialect),
        fingerprint=_hash(origin + base_path, dialect.name, conn.login, conn.password, extras),
        timeout=_timeout(conn_id, extras.get("timeout")),
        verify=_verify(conn_id, extras.get("verify", True)),
        proxy=_proxy(conn_id, extras.get("proxy")),
    )


def _invalid(conn_id: str, what: str) -> KlingRequestInvalid:
    return KlingRequestInvalid(f"Connection {conn_id!r}: {what}.", job=JobState.NOT_CREATED)


def _check_type(conn_id: str, conn_type: str | None, host: str | None) -> None:
    """Reject the connection of another service, whose secret would be sent to Kling."""
    accepted = (*ACCEPTED_CONN_TYPES, *_HTTP_CONN_TYPES) if (host or "").strip() else ACCEPTED_CONN_TYPES
    if (conn_type or "").lower() not in accepted:
        raise _invalid(
            conn_id,
            f"make a connection of type 'kling'; this is {conn_type!r}, so its password is not sent to Kling",
        )


@cache
def _warn_plain_http(conn_id: str, origin: str) -> None:
    """Warn once in each process: the settings of a connection are read for every task and every wait."""
    parts = urlsplit(origin)
    if parts.scheme == "http" and not _is_private_host(parts.hostname or ""):
        _log.warning(
            "Connection %r: its host is %s, so its key is sent unencrypted; use https",
            conn_id,
            origin,
        )


def _is_private_host(name: str) -> bool:
    """Return whether a host is on this machine or in a private network, judged by its name."""
    try:
        return not ipaddress.ip_address(name.partition("%")[0]).is_global
    except ValueError:
        bare = name.rstrip(".")
        return "." not in bare or bare.endswith(_LOCAL_NAMES)


def _parse_extra(conn_id: str, conn: Any, extra: Any) -> Mapping[str, Any]:
    raw = "".join(str(getattr(conn, "extra", None) or "").split())
    # Airflow takes an extra that is no JSON for an empty one.
    if not isinstance(extra, Mapping) or (not extra and raw not in ("", "{}")):
        raise _invalid(conn_id, "extra is not a JSON object")
    return extra


def _parse_host(conn_id: str, conn: Any) -> tuple[str, str]:
    host = (conn.host or DEFAULT_HOST).strip()
    if "://" not in host:
        host = f"{_scheme(conn_id, conn.schema, host)}://{host}"
    try:
        parts = urlsplit(host)
        port = parts.port or conn.port
    except ValueError as error:
        raise _invalid(conn_id, f"host is not a host name or URL: {error}") from None
    name = parts.hostname or ""
    unusable = not _HOST.fullmatch(name) or parts.query or "@" in parts.netloc
    if unusable or parts.scheme not in _SCHEMES:
        raise _invalid(conn_id, "host must be a host name or an http(s) URL without user or query")
    origin = f"{parts.scheme}://{f'[{name}]' if ':' in name else name}"
    return f"{origin}:{port}" if port else origin, parts.path


def _scheme(conn_id: str, schema: str | None, host: str) -> str:
    if not schema:
        return "http" if _LOOPBACK.match(host) else "https"
    if schema not in _SCHEMES:
        # Airflow takes the path of a connection's URI for its schema.
        raise _invalid(
            conn_id,
            f"schema is {schema!r}; it must be http, https or empty (a path belongs into extra.base_path)",
        )
    return schema


def _dialect(conn_id: str, name: Any, origin: str) -> Dialect:
    if name is None:
        return dialect_for_host(urlsplit(origin).hostname or "")
    if not isinstance(name, str) or name not in DIALECTS:
        raise _invalid(conn_id, f"extra.dialect is {name!r}; it must be one of {', '.join(DIALECTS)}")
    return DIALECTS[name]


def _base_path(conn_id: str, value: Any, path: str, dialect: Dialect) -> str:
    if value is None:
        value = path.rstrip("/").removesuffix("/v1") or dialect.base_path
    if not isinstance(value, str) or (value.strip("/") and not value.startswith("/")) or "?" in value:
        raise _invalid(conn_id, f"extra.base_path is {value!r}; it must be a path that begins with /")
    return value.rstrip("/")


def _credentials(conn_id: str, conn: Any, dialect: Dialect) -> Credentials:
    try:
        credentials = parse_credentials(conn.login, conn.password)
    except ValueError as error:
        raise KlingAuthError(f"Connection {conn_id!r}: {error}.", job=JobState.NOT_CREATED) from None
    if credentials is None:
        raise KlingAuthError(
            f"Connection {conn_id!r} has no password: it must hold an API key, or with login as the "
            "AccessKey the SecretKey.",
            job=JobState.NOT_CREATED,
        )
    if isinstance(credentials, AccessKey) and dialect.name != "kling":
        raise _invalid(
            conn_id, f"login is set, but {dialect.title} takes an API key as password and no AccessKey"
        )
    return credentials


def _timeout(conn_id: str, value: Any) -> tuple[float, float]:
    try:
        pair = (
            [float(item) for item in value]
            if isinstance(value, list | tuple)
            else [float(READ_TIMEOUT if value is None else value)]
        )
    except (TypeError, ValueError):
        pair = []
    if len(pair) not in (1, 2) or any(not 0 < item <= 3600 for item in pair):  # noqa: PLR2004
        raise _invalid(
            conn_id, f"extra.timeout is {value!r}; it must be seconds, or [connect, read], from 0 to 3600"
        )
    return (pair[0], pair[1]) if len(pair) > 1 else (min(CONNECT_TIMEOUT, pair[0]), pair[0])


def _verify(conn_id: str, value: Any) -> bool | str:
    value = _BOOL_WORDS.get(value.lower(), value) if isinstance(value, str) else value
    if not isinstance(value, bool) and not (isinstance(value, str) and os.path.exists(value)):
        raise _invalid(
            conn_id,
            f"extra.verify must be true, false or a CA bundle on this machine; it is {value!r}",
        )
    return value


def _proxy(conn_id: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _is_url(value):
        raise _invalid(conn_id, "extra.proxy must be a URL that begins with http:// or https://")
    return value


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in _SCHEMES and bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
    except ValueError:
        return False


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def connection_form_widgets() -> dict[str, Any]:
    """Make one text field for each extra of the connection.

    :return: name of the extra -> WTForms field.
    :raises ImportError: without Flask AppBuilder or WTForms; Airflow expects this where no such form exists.
    """
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
    from wtforms import StringField
    from wtforms.validators import Optional, any_of

    def field(label: str, description: str, schema: dict[str, Any]) -> Any:
        choices = schema.get("enum")
        validators = [Optional(), any_of(choices)] if choices else [Optional()]
        return StringField(label, validators=validators, description=description, widget=BS3TextFieldWidget())

    return {name: field(**definition) for name, definition in CONN_FIELDS.items()}


def ui_field_behaviour() -> dict[str, Any]:
    """Return which standard fields are hidden, the labels of the others, and their placeholders.

    :return: ``hidden_fields``, ``relabeling`` and ``placeholders``.
    """
    return {key.replace("-", "_"): value for key, value in UI_FIELD_BEHAVIOUR.items()}
