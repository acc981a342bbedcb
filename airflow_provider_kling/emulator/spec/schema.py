# SPDX-License-Identifier: Apache-2.0
"""Checks of raw JSON from which the rules of each endpoint are put together.

They are written from the vendor's documentation and know nothing of the provider's request models: a wrong
model must not be confirmed by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..artifacts import ArtifactStore
from ..errors import ApiErrorResponse, invalid_request, invalid_value
from ..media.inputs import IMAGE, MediaLimits, MediaStore
from ..media.specs import MediaInfo

_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass
class ValidationState:
    """One request while it is checked.

    :param library: stores the media of the request.
    :param made: what earlier calls made.
    :param strict: also refuse what the vendor silently ignores.
    :param media: the media found, by where they were (``image_list[0].image``).
    :param ignored: names of unknown fields.
    """

    library: MediaStore
    made: ArtifactStore
    strict: bool = False
    media: dict[str, MediaInfo] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


Check = Callable[[ValidationState, str, Any], Any]
"""Checks one value (probe, where it is, value), raises a refusal or returns the value as it is understood."""


def string(limit: int | None = None, *, one_of: tuple[str, ...] = ()) -> Check:
    """Build the check of a string.

    :param limit: largest number of characters.
    :param one_of: allowed values; any by default.
    :return: the check.
    """

    def check(_: ValidationState, where: str, value: Any) -> str:
        if not isinstance(value, str):
            raise invalid_request(f"{where} must be a string, got {_type(value)}")
        if one_of and value not in one_of:
            raise invalid_value(f"{where} value '{value}' is invalid, must be one of {', '.join(one_of)}")
        if limit is not None and len(value) > limit:
            raise invalid_value(f"{where} length cannot exceed {limit}, got {len(value)}")
        return value

    return check


def boolean() -> Check:
    """Build the check of ``true`` or ``false``.

    :return: the check.
    """

    def check(_: ValidationState, where: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise invalid_request(f"{where} must be a boolean, got {_type(value)}")
        return value

    return check


def number(low: float | None = None, high: float | None = None, *, whole: bool = False) -> Check:
    """Build the check of a number.

    :param low: least value.
    :param high: greatest value.
    :param whole: allow integers only.
    :return: the check.
    """
    kinds: Any = int if whole else (int, float)

    def check(_: ValidationState, where: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise invalid_request(
                f"{where} must be {'an integer' if whole else 'a number'}, got {_type(value)}"
            )
        if (low is not None and value < low) or (high is not None and value > high):
            raise invalid_value(f"{where} must be in [{low}, {high}], got {value}")
        return value

    return check


def lenient(kind: Check) -> Check:
    """Build the check of a number that may be sent as text, as published clients do.

    :param kind: check of the number.
    :return: the check.
    """

    def check(probe: ValidationState, where: str, value: Any) -> Any:
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value) if "." in value else int(value)
        return kind(probe, where, value)

    return check


def digits(*, one_of: tuple[str, ...] = ()) -> Check:
    """Build the check of a number in text, which published clients send as a whole number.

    :param one_of: allowed values; any by default.
    :return: the check.
    """

    def check(probe: ValidationState, where: str, value: Any) -> Any:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return string(one_of=one_of)(probe, where, str(value) if whole else value)

    return check


def url() -> Check:
    """Build the check of an http(s) URL.

    :return: the check.
    """

    def check(_: ValidationState, where: str, value: Any) -> str:
        if not isinstance(value, str):
            raise invalid_request(f"{where} must be a string, got {_type(value)}")
        if not value.startswith(("http://", "https://")):
            raise invalid_value(f"{where} must be a url")
        return value

    return check


def image(limits: MediaLimits = IMAGE) -> Check:
    """Build the check of an image: URL or raw base64.

    :param limits: limits of the file.
    :return: the check.
    """
    return _medium(lambda probe, where, value: probe.library.image(value, where, limits))


def audio(limits: MediaLimits) -> Check:
    """Build the check of an audio file: URL or raw base64.

    :param limits: limits of the file.
    :return: the check.
    """
    return _medium(lambda probe, where, value: probe.library.audio(value, where, limits))


def video(limits: MediaLimits) -> Check:
    """Build the check of a video by URL.

    :param limits: limits of the file.
    :return: the check.
    """
    return hosted(_medium(lambda probe, where, value: probe.library.video(value, where, limits)))


def hosted(kind: Check) -> Check:
    """Build the check of a medium that is taken by URL only.

    :param kind: check of the medium.
    :return: the check.
    """
    return lambda probe, where, value: kind(probe, where, url()(probe, where, value))


def tts_audio_id(limits: MediaLimits) -> Check:
    """Build the check of the id of an audio file that text-to-speech made.

    :param limits: limits of the file.
    :return: the check.
    """

    def find(probe: ValidationState, where: str, value: str) -> MediaInfo:
        found = probe.made.audio(value)
        limits.check_seconds(where, found.seconds)
        return found

    return _medium(find)


def video_id(limits: MediaLimits | None = None) -> Check:
    """Build the check of the id of a video that the API made.

    :param limits: limits of the file.
    :return: the check.
    """

    def find(probe: ValidationState, where: str, value: str) -> MediaInfo:
        found = probe.made.video(value)
        if limits is not None:
            limits.check_seconds(where, found.seconds)
        return found

    return _medium(find)


def _medium(find: Callable[[ValidationState, str, str], MediaInfo]) -> Check:
    def check(probe: ValidationState, where: str, value: Any) -> str:
        if not isinstance(value, str):
            raise invalid_request(f"{where} must be a string, got {_type(value)}")
        probe.media[where] = find(probe, where, value)
        return value

    return check


def any_of(*kinds: Check) -> Check:
    """Build the check of a value of one of several kinds; the error is that of the last one.

    :param kinds: checks of the kinds.
    :return: the check.
    """

    def check(probe: ValidationState, where: str, value: Any) -> Any:
        for kind in kinds[:-1]:
            try:
                return kind(probe, where, value)
            except ApiErrorResponse:
                continue
        return kinds[-1](probe, where, value)

    return check


def array(item: Check, low: int, high: int | None) -> Check:
    """Build the check of an array.

    :param item: check of an item.
    :param low: least number of items.
    :param high: greatest number of items.
    :return: the check.
    """

    def check(probe: ValidationState, where: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise invalid_request(f"{where} must be an array, got {_type(value)}")
        if len(value) < low or (high is not None and len(value) > high):
            raise invalid_value(f"the size of {where} must be in [{low}, {high}], got {len(value)}")
        return [item(probe, f"{where}[{index}]", entry) for index, entry in enumerate(value)]

    return check


def object_(*required: str, **kinds: Check) -> Check:
    """Build the check of an object.

    An empty string is read as a field that was not sent, as the vendor does, and an unknown field is
    ignored; ``null`` is refused.

    :param required: names of required fields.
    :param kinds: checks of the fields.
    :return: the check.
    """

    def check(probe: ValidationState, where: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid_request(f"{where or 'body'} must be an object, got {_type(value)}")
        prefix = f"{where}." if where else ""
        sent = _sent(probe, prefix, value)
        for name in required:
            if name not in sent:
                raise invalid_request(f"{prefix}{name} is required")
        for name in sent.keys() - kinds.keys():
            if probe.strict:
                raise invalid_value(f"{prefix}{name} is not a field of this request (strict)")
            probe.ignored.append(f"{prefix}{name}")
        return {name: kinds[name](probe, prefix + name, sent[name]) for name in sent if name in kinds}

    return check


def _sent(probe: ValidationState, prefix: str, value: Mapping[str, Any]) -> dict[str, Any]:
    sent = {}
    for name, entry in value.items():
        if entry is None:
            raise invalid_value(f"{prefix}{name} must not be null")
        if entry != "":
            sent[name] = entry
        elif probe.strict:
            raise invalid_value(f"{prefix}{name} must not be empty (strict)")
    return sent


def _type(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
