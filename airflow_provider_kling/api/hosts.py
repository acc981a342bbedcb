# SPDX-License-Identifier: Apache-2.0
"""Hosts that speak the API, and what each of them does not support."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

DEFAULT_HOST = "https://api-singapore.klingai.com"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family of hosts differs.

    :param name: value of the connection's ``dialect``.
    :param title: name for people.
    :param base_path: path in front of ``/v1`` unless the connection says otherwise.
    :param supports_list: whether tasks can be listed.
    :param supports_lookup: whether a task can be found by its external id. Only then can an unknown outcome
        of a submission be cleared up. Where this is not documented it counts as missing: a look-up that
        always answers "not found" would lead to a second payment.
    :param supports_account: whether the ``/account`` calls exist.
    :param supports_v2: whether API 2.0 and the solutions exist.
    :param refuses_duplicates: whether a second job of the same external id is refused, also while the first
        does not show up yet. Where this is not documented it counts as missing: a second create call could
        pay twice.
    """

    name: str
    title: str
    base_path: str = ""
    supports_list: bool = True
    supports_lookup: bool = True
    supports_account: bool = True
    supports_v2: bool = True
    refuses_duplicates: bool = True


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            Dialect("kling", "Kling AI"),
            Dialect(
                "cometapi",
                "CometAPI",
                base_path="/kling",
                supports_list=False,
                supports_account=False,
                supports_v2=False,
                refuses_duplicates=False,
            ),
            Dialect(
                "gateway",
                "a gateway",
                base_path="/kling",
                supports_list=False,
                supports_lookup=False,
                supports_account=False,
                supports_v2=False,
                refuses_duplicates=False,
            ),
        )
    }
)

_OFFICIAL = ("klingai.com", "kling.ai")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def dialect_for_host(hostname: str) -> Dialect:
    """Return the dialect of a host, judged by its name; an unknown host counts as a gateway, which assumes
    least.

    :param hostname: host without scheme and port.
    :return: the dialect.
    """
    name = hostname.lower().rstrip(".")
    if name in _LOOPBACK or _within(name, _OFFICIAL):
        return DIALECTS["kling"]
    return DIALECTS["cometapi"] if _within(name, ("cometapi.com",)) else DIALECTS["gateway"]


def _within(name: str, domains: tuple[str, ...]) -> bool:
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


_CHINA = "api-beijing.klingai.com"


def currency_of_host(hostname: str) -> Literal["USD", "CNY"] | None:
    """Return the currency of a cash charge that names none, as all charges of API v1.

    :param hostname: host without scheme and port.
    :return: the currency of the host's accounts; ``None`` at hosts that are not Kling's own.
    """
    name = hostname.lower().rstrip(".")
    if dialect_for_host(name).name != "kling":
        return None
    return "CNY" if name == _CHINA else "USD"


_TIMES = ("sound_start_time", "sound_end_time", "sound_insert_time")

# A template that is rendered gives a string, which Kling does not document, and a number is not CometAPI's.
# Elsewhere a time goes out as it was given.
_TIME_FORMATS: Mapping[str, Callable[[int | str], int | str]] = {"kling": int, "cometapi": str}


def format_for_host(endpoint: str, dialect: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as the host's documentation writes it.

    :param endpoint: slug of the endpoint.
    :param dialect: dialect of the connection's host.
    :param body: JSON of a checked request.
    :return: the body to send; the one passed in is not changed.
    """
    write = _TIME_FORMATS.get(dialect)
    if endpoint != "videos/advanced-lip-sync" or write is None:
        return dict(body)
    faces = [
        {name: write(value) if name in _TIMES else value for name, value in face.items()}
        for face in body["face_choose"]
    ]
    return {**body, "face_choose": faces}
