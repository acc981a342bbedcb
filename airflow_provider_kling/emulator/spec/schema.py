# SPDX-License-Identifier: Apache-2.0
"""Checks of raw JSON values, of which the rules of each endpoint consist.

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
    :param artifacts: results of earlier jobs.
    :param strict: also refuse what the vendor silently ignores.
    :param media: the media of the request, by field path (``image_list[0].image``).
    :param unknown_fields: names of unknown fields.
    """

    library: MediaStore
    artifacts: ArtifactStore
    strict: bool = False
    media: dict[str, MediaInfo] = field(default_factory=dict)
    unknown_fields: list[str] = field(default_factory=list)


Check = Callable[[ValidationState, str, Any], Any]
"""Takes state, field path and value; returns the normalized value or raises :class:`.ApiErrorResponse`."""


def string(limit: int | None = None, *, one_of: tuple[str, ...] = ()) -> Check:
    """Build the check of a string.

    :param limit: largest number of characters.
    :param one_of: allowed values; any by default.
    :return: the check.
    """

    def check(_: ValidationState, field_path: str, value: Any) -> str:
        if not isinstance(value, str):
            raise invalid_request(f"{field_path} must be a string, got {_json_type(value)}")
        if one_of and value not in one_of:
            raise invalid_value(
                f"{field_path} value '{value}' is invalid, must be one of {', '.join(one_of)}"
            )
        if limit is not None and len(value) > limit:
            raise invalid_value(f"{field_path} length cannot exceed {limit}, got {len(value)}")
        return value

    return check


def boolean() -> Check:
    """Build the check of ``true`` or ``false``.

    :return: the check.
    """

    def check(_: ValidationState, field_path: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise invalid_request(f"{field_path} must be a boolean, got {_json_type(value)}")
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

    def check(_: ValidationState, field_path: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise invalid_request(
                f"{field_path} must be {'an integer' if whole else 'a number'}, got {_json_type(value)}"
            )
        if (low is not None and value < low) or (high is not None and value > high):
            raise invalid_value(f"{field_path} must be in [{low}, {high}], got {value}")
        return value

    return check


def number_or_text(kind: Check) -> Check:
    """Build the check of a number that may be sent as text, as published clients do.

    :param kind: check of the number.
    :return: the check.
    """

    def check(state: ValidationState, field_path: str, value: Any) -> Any:
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value) if "." in value else int(value)
        return kind(state, field_path, value)

    return check


def number_as_text(*, one_of: tuple[str, ...] = ()) -> Check:
    """Build the check of a number in text, which published clients send as a whole number.

    :param one_of: allowed values; any by default.
    :return: the check.
    """

    def check(state: ValidationState, field_path: str, value: Any) -> Any:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return string(one_of=one_of)(state, field_path, str(value) if whole else value)

    return check


def url() -> Check:
    """Build the check of an http(s) URL.

    :return: the check.
    """

    def check(_: ValidationState, field_path: str, value: Any) -> str:
        if not isinstance(value, str):
            raise invalid_request(f"{field_path} must be a string, got {_json_type(value)}")
        if not value.startswith(("http://", "https://")):
            raise invalid_value(f"{field_path} must be a url")
        return value

    return check


def image(limits: MediaLimits = IMAGE) -> Check:
    """Build the check of an image: URL or raw base64.

    :param limits: limits of the file.
    :return: the check.
    """
    return _media_check(lambda state, field_path, value: state.library.image(value, field_path, limits))


def audio(limits: MediaLimits) -> Check:
    """Build the check of an audio file: URL or raw base64.

    :param limits: limits of the file.
    :return: the check.
    """
    return _media_check(lambda state, field_path, value: state.library.audio(value, field_path, limits))


def video(limits: MediaLimits) -> Check:
    """Build the check of a video by URL.

    :param limits: limits of the file.
    :return: the check.
    """
    return by_url_only(
        _media_check(lambda state, field_path, value: state.library.video(value, field_path, limits))
    )


def by_url_only(kind: Check) -> Check:
    """Build the check of media that may be sent only as a URL.

    :param kind: check of the medium.
    :return: the check.
    """
    return lambda state, field_path, value: kind(state, field_path, url()(state, field_path, value))


def tts_audio_id(limits: MediaLimits) -> Check:
    """Build the check of the id of an audio file that text-to-speech made.

    :param limits: limits of the file.
    :return: the check.
    """

    def find(state: ValidationState, field_path: str, value: str) -> MediaInfo:
        found = state.artifacts.audio(value)
        limits.check_seconds(field_path, found.seconds)
        return found

    return _media_check(find)


def video_id(limits: MediaLimits | None = None) -> Check:
    """Build the check of the id of a video that the API made.

    :param limits: limits of the file.
    :return: the check.
    """

    def find(state: ValidationState, field_path: str, value: str) -> MediaInfo:
        found = state.artifacts.video(value)
        if limits is not None:
            limits.check_seconds(field_path, found.seconds)
        return found

    return _media_check(find)


def _media_check(find: Callable[[ValidationState, str, str], MediaInfo]) -> Check:
    def check(state: ValidationState, field_path: str, value: Any) -> str:
        if not isinstance(value, str):
            raise invalid_request(f"{field_path} must be a string, got {_json_type(value)}")
        state.media[field_path] = find(state, field_path, value)
        return value

    return check


def any_of(*kinds: Check) -> Check:
    """Build the check of a value of one of several kinds; the error is that of the last one.

    :param kinds: checks of the kinds.
    :return: the check.
    """

    def check(state: ValidationState, field_path: str, value: Any) -> Any:
        for kind in kinds[:-1]:
            try:
                return kind(state, field_path, value)
            except ApiErrorResponse:
                continue
        return kinds[-1](state, field_path, value)

    return check


def array(item: Check, low: int, high: int | None) -> Check:
    """Build the check of an array.

    :param item: check of an item.
    :param low: least number of items.
    :param high: greatest number of items.
    :return: the check.
    """

    def check(state: ValidationState, field_path: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise invalid_request(f"{field_path} must be an array, got {_json_type(value)}")
        if len(value) < low or (high is not None and len(value) > high):
            raise invalid_value(f"the size of {field_path} must be in [{low}, {high}], got {len(value)}")
        return [item(state, f"{field_path}[{index}]", entry) for index, entry in enumerate(value)]

    return check


def object_(*required: str, **kinds: Check) -> Check:
    """Build the check of an object.

    An empty string is read as a field that was not sent, as the vendor does, and an unknown field is
    ignored; ``null`` is refused.

    :param required: names of required fields.
    :param kinds: checks of the fields.
    :return: the check.
    """

    def check(state: ValidationState, field_path: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid_request(f"{field_path or 'body'} must be an object, got {_json_type(value)}")
        prefix = f"{field_path}." if field_path else ""
        sent = _set_fields(state, prefix, value)
        for name in required:
            if name not in sent:
                raise invalid_request(f"{prefix}{name} is required")
        for name in sent.keys() - kinds.keys():
            if state.strict:
                raise invalid_value(f"{prefix}{name} is not a field of this request (strict)")
            state.unknown_fields.append(f"{prefix}{name}")
        return {name: kinds[name](state, prefix + name, sent[name]) for name in sent if name in kinds}

    return check


def _set_fields(state: ValidationState, prefix: str, value: Mapping[str, Any]) -> dict[str, Any]:
    sent = {}
    for name, entry in value.items():
        if entry is None:
            raise invalid_value(f"{prefix}{name} must not be null")
        if entry != "":
            sent[name] = entry
        elif state.strict:
            raise invalid_value(f"{prefix}{name} must not be empty (strict)")
    return sent


def _json_type(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
