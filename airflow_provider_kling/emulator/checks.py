# SPDX-License-Identifier: Apache-2.0
"""Checks of raw JSON from which the rules of each endpoint are put together.

They are written from the vendor's documentation and know nothing of the provider's request models: a wrong
model must not be confirmed by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .made import Made
from .media_input import PICTURE_MEGABYTES, Limits, MediaLibrary
from .media_kinds import Medium
from .refusal import Refusal, bad_parameters, bad_value


@dataclass
class Probe:
    """One request while it is checked.

    :param library: keeps the media that the request brings.
    :param made: what earlier calls made.
    :param strict: also refuse what the vendor silently ignores.
    :param media: the media found, by where they were (``image_list[0].image``).
    :param ignored: names of unknown fields.
    """

    library: MediaLibrary
    made: Made
    strict: bool = False
    media: dict[str, Medium] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


Kind = Callable[[Probe, str, Any], Any]
"""Checks one value (probe, where it is, value), raises a refusal or returns the value as it is understood."""


def text(limit: int | None = None, *, one_of: tuple[str, ...] = ()) -> Kind:
    """A string, at most ``limit`` characters long, or one of several words."""

    def check(_: Probe, where: str, value: Any) -> str:
        if not isinstance(value, str):
            raise bad_parameters(f"{where} must be a string, got {_type(value)}")
        if one_of and value not in one_of:
            raise bad_value(f"{where} value '{value}' is invalid, must be one of {', '.join(one_of)}")
        if limit is not None and len(value) > limit:
            raise bad_value(f"{where} length cannot exceed {limit}, got {len(value)}")
        return value

    return check


def flag() -> Kind:
    """``true`` or ``false``."""

    def check(_: Probe, where: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise bad_parameters(f"{where} must be a boolean, got {_type(value)}")
        return value

    return check


def number(low: float | None = None, high: float | None = None, *, whole: bool = False) -> Kind:
    """A number (with ``whole``, an integer) from ``low`` to ``high``."""
    kinds: Any = int if whole else (int, float)

    def check(_: Probe, where: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise bad_parameters(
                f"{where} must be {'an integer' if whole else 'a number'}, got {_type(value)}"
            )
        if (low is not None and value < low) or (high is not None and value > high):
            raise bad_value(f"{where} must be in [{low}, {high}], got {value}")
        return value

    return check


def url() -> Kind:
    """An http(s) address."""

    def check(_: Probe, where: str, value: Any) -> str:
        if not isinstance(value, str):
            raise bad_parameters(f"{where} must be a string, got {_type(value)}")
        if not value.startswith(("http://", "https://")):
            raise bad_value(f"{where} must be a url")
        return value

    return check


def picture(megabytes: int = PICTURE_MEGABYTES, *, any_ratio: bool = False) -> Kind:
    """A picture: url or raw base64."""
    return _medium(
        lambda probe, where, value: probe.library.picture(value, where, megabytes, any_ratio=any_ratio)
    )


def sound(limits: Limits) -> Kind:
    """A sound: url or raw base64."""
    return _medium(lambda probe, where, value: probe.library.sound(value, where, limits))


def sound_id(limits: Limits) -> Kind:
    """A sound of text-to-speech."""

    def find(probe: Probe, where: str, value: str) -> Medium:
        found = probe.made.sound(value)
        limits.check_seconds(where, found.seconds)
        return found

    return _medium(find)


def clip(limits: Limits) -> Kind:
    """A video: url."""

    def find(probe: Probe, where: str, value: str) -> Medium:
        if not value.startswith(("http://", "https://")):
            raise bad_value(f"{where} must be a url")
        return probe.library.clip(value, where, limits)

    return _medium(find)


def clip_id(limits: Limits | None = None) -> Kind:
    """A video that the API made."""

    def find(probe: Probe, where: str, value: str) -> Medium:
        found = probe.made.video(value)
        if limits is not None:
            limits.check_seconds(where, found.seconds)
        return found

    return _medium(find)


def _medium(find: Callable[[Probe, str, str], Medium]) -> Kind:
    def check(probe: Probe, where: str, value: Any) -> str:
        if not isinstance(value, str):
            raise bad_parameters(f"{where} must be a string, got {_type(value)}")
        probe.media[where] = find(probe, where, value)
        return value

    return check


def either(*kinds: Kind) -> Kind:
    """A value of one of several kinds; the refusal of the last one counts."""

    def check(probe: Probe, where: str, value: Any) -> Any:
        for kind in kinds[:-1]:
            try:
                return kind(probe, where, value)
            except Refusal:
                continue
        return kinds[-1](probe, where, value)

    return check


def several(item: Kind, low: int, high: int | None) -> Kind:
    """An array of ``low`` to ``high`` items."""

    def check(probe: Probe, where: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise bad_parameters(f"{where} must be an array, got {_type(value)}")
        if len(value) < low or (high is not None and len(value) > high):
            raise bad_value(f"the size of {where} must be in [{low}, {high}], got {len(value)}")
        return [item(probe, f"{where}[{index}]", entry) for index, entry in enumerate(value)]

    return check


def fields(*required: str, **kinds: Kind) -> Kind:
    """An object with the named fields, some of them required.

    An empty string is read as a field that was not sent, as the vendor does, and an unknown field is
    ignored; ``null`` is refused.
    """

    def check(probe: Probe, where: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise bad_parameters(f"{where or 'body'} must be an object, got {_type(value)}")
        prefix = f"{where}." if where else ""
        sent = _sent(probe, prefix, value)
        for name in required:
            if name not in sent:
                raise bad_parameters(f"{prefix}{name} is required")
        for name in sent.keys() - kinds.keys():
            if probe.strict:
                raise bad_value(f"{prefix}{name} is not a field of this request (strict)")
            probe.ignored.append(f"{prefix}{name}")
        return {name: kinds[name](probe, prefix + name, sent[name]) for name in sent if name in kinds}

    return check


def _sent(probe: Probe, prefix: str, value: Mapping[str, Any]) -> dict[str, Any]:
    sent = {}
    for name, entry in value.items():
        if entry is None:
            raise bad_value(f"{prefix}{name} must not be null")
        if entry != "":
            sent[name] = entry
        elif probe.strict:
            raise bad_value(f"{prefix}{name} must not be empty (strict)")
    return sent


def _type(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
