# SPDX-License-Identifier: Apache-2.0
"""The settings of an emulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .loopback import is_loopback
from .signing import validate_secret

DEFAULT_PORT = 8188


class Dialect(StrEnum):
    """The kind of host whose responses and limits the emulator imitates."""

    KLING = "kling"
    COMETAPI = "cometapi"
    GATEWAY = "gateway"
    OPENAI_VIDEO = "openai-video"

    @property
    def supports_list(self) -> bool:
        """Whether tasks can be listed."""
        return self is Dialect.KLING

    @property
    def supports_lookup(self) -> bool:
        """Whether tasks can be queried by their external id."""
        return self in (Dialect.KLING, Dialect.COMETAPI)

    @property
    def base_path(self) -> str:
        """Prefix of all paths."""
        return "" if self is Dialect.KLING else "/kling"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one emulator.

    :param host: loopback address to listen on.
    :param port: port to listen on; 0 takes any free one.
    :param dialect: the kind of host that it imitates.
    :param api_key: the key that is accepted as bearer token.
    :param access_key: the issuer (``iss``) that signed tokens must name.
    :param secret_key: the key that signs those tokens (HS256).
    :param webhook_secret: signs callbacks (``whsec_`` and base64); they are not signed when unset.
    :param certificate: PEM file with certificate and key; the emulator then speaks HTTPS.
    :param speed: how many times faster than the real service jobs run.
    :param job_seconds: how long every job takes at speed 1, or the times that jobs take by turns; each kind
        of result has its own time when unset.
    :param slots: how many jobs may be active at once (one for ``n`` images counts ``n``); 0 is no limit.
    :param units: size of the account's resource packs, of video and image units each.
    :param cash: balance in US dollars of an account that pays in cash; it has no resource packs then.
    :param scale: size of rendered images and videos relative to the real ones (720p, 1080p, 2160p).
    :param url_seconds: how long the URL of a result is valid after it was returned.
    :param strict: also reject what Kling silently ignores: unknown fields and empty values.
    :param models: further model names to accept.
    :param faults: faults that are on from the start, see :mod:`.faults`.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    dialect: Dialect = Dialect.KLING
    api_key: str = "emulator"
    access_key: str = "emulator-access-key"
    secret_key: str = "emulator-secret-key-0123456789abcdef"  # noqa: S105 - a public default, like the password "guest"
    webhook_secret: str | None = None
    certificate: str | None = None
    speed: float = 1.0
    job_seconds: float | tuple[float, ...] | None = None
    slots: int = 20
    units: float = 100_000.0
    cash: float | None = None
    scale: float = 0.5
    url_seconds: float = 30 * 24 * 3600
    strict: bool = False
    models: tuple[str, ...] = ()
    faults: Mapping[str, object] = field(default_factory=dict)

    @property
    def job_times(self) -> tuple[float, ...]:
        """The times that jobs take by turns at speed 1; empty where each kind of result has its own."""
        if self.job_seconds is None:
            return ()
        return self.job_seconds if isinstance(self.job_seconds, tuple) else (self.job_seconds,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dialect", Dialect(self.dialect))
        if not is_loopback(self.host):
            raise ValueError(f"host must be a loopback address such as 127.0.0.1, got {self.host!r}")
        for name in ("speed", "scale", "units", "url_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0, got {getattr(self, name)!r}")
        if any(seconds < 0 for seconds in self.job_times):
            raise ValueError(f"job_seconds must not be negative, got {self.job_seconds!r}")
        if self.cash is not None and not self.cash >= 0:
            raise ValueError(f"cash must not be negative, got {self.cash!r}")
        if self.webhook_secret is not None:
            validate_secret(self.webhook_secret)
        if self.slots < 0:
            raise ValueError(f"slots must not be negative, got {self.slots!r}")
