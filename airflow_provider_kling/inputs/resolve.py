# SPDX-License-Identifier: Apache-2.0
"""Resolve all media values of a request: read, check and encode or presign them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel

from ..api.requests.base import KlingRequest
from ..api.requests.field_types import MediaConstraints
from ..exceptions import JobState, KlingRequestInvalid, KlingServerError
from ..utils.redaction import describe_media, strip_url_signature, truncate
from ..utils.storage import StoragePermanentError, StorageTransientError
from .media_inspection import KIND_NAMES, InvalidMediaError, inspect_media
from .sources import InputSource, MissingFileError, classify_input, decode, normalize_input, presign, read


@dataclass(frozen=True, slots=True)
class MediaField:
    """A media value of a request.

    :param field: its position, such as ``image_list[0].image``.
    :param rules: constraints of the field.
    :param value: URL, path, storage URI or base64.
    """

    field: str
    rules: MediaConstraints
    value: str


def map_media_fields(request: KlingRequest, change: Callable[[MediaField], str]) -> KlingRequest:
    """Return a copy of a request with each media value replaced.

    :param request: a validated request; it is not changed.
    :param change: called once for each media value that is set; returns the replacement.
    :return: the copy.
    """
    mapped: KlingRequest = _model(request, "", change)
    return mapped


def _model(model: Any, prefix: str, change: Callable[[MediaField], str]) -> Any:
    update = {
        name: _value(getattr(model, name), info.annotation, info.metadata, f"{prefix}{name}", change)
        for name, info in type(model).model_fields.items()
        if getattr(model, name) is not None
    }
    return model.model_copy(update=update)


def _value(
    value: Any, kind: Any, marks: Iterable[Any], field: str, change: Callable[[MediaField], str]
) -> Any:
    if isinstance(value, BaseModel):
        return _model(value, f"{field}.", change)
    kind, marks = _unwrap(value, kind, tuple(marks))
    if isinstance(value, list):
        item_kind = next(iter(get_args(kind)), Any)
        return [_value(item, item_kind, (), f"{field}[{at}]", change) for at, item in enumerate(value)]
    rules = next((mark for mark in marks if isinstance(mark, MediaConstraints)), None)
    return change(MediaField(field, rules, value)) if rules and isinstance(value, str) else value


def _unwrap(value: Any, kind: Any, marks: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Unwrap ``Annotated`` and ``| None`` to the type of the value."""
    while True:
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            marks += tuple(more)
        elif get_origin(kind) in (Union, UnionType):
            matching = [member for member in get_args(kind) if _base_type(member) is type(value)]
            if not matching:
                return kind, marks
            kind = matching[0]
        else:
            return kind, marks


def _base_type(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_origin(kind) or kind


PRESIGN_SECONDS = 86_400
"""Validity of a presigned URL in seconds: a job may wait in Kling's queue before its input is read."""

_SHORT_LIVED = "it is signed with temporary credentials, and the URL expires with them"
_MAX_VALUE_LENGTH = 120
_MASKS = ("static_mask", "dynamic_masks")
# Sides are whole numbers: a scaled mask's ratio is off by a pixel.
_RATIO_TOLERANCE = 0.02
_NOT_PUBLIC = "Kling's servers cannot fetch a local or private URL: give a public one, or the file itself"
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


@dataclass(frozen=True, slots=True)
class InputMetadata:
    """Metadata of an input, for the manifest.

    :param field: its position in the request.
    :param source: ``url``, ``base64``, ``local path`` or ``object storage``.
    :param value: the redacted value.
    :param mime: media type by content; ``None`` for a URL, which is not read.
    :param size: bytes.
    :param sha256: hash of the content.
    :param width: pixels; images only.
    :param height: pixels; images only.
    :param seconds: duration; audio only.
    """

    field: str
    source: str
    value: str
    mime: str | None = None
    size: int | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the metadata as JSON.

        :return: the fields that are known.
        """
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request whose media Kling can read.

    :param body: JSON body to send. Holds base64 and signed URLs: must not be logged.
    :param content_ids: replacement of each media value in :meth:`canonical_json`.
    :param inputs: metadata of each input.
    :param warnings: warnings for the DAG author, a sentence each.
    """

    body: dict[str, Any] = field(repr=False)
    content_ids: Mapping[str, str] = field(repr=False)
    inputs: tuple[InputMetadata, ...] = ()
    warnings: tuple[str, ...] = ()

    def canonical_json(self, body: Mapping[str, Any] | None = None) -> str:
        """Return a canonical text of the request, which does not depend on how its media are given.

        Each media value is replaced by the hash of its content, or by its URL without the signature.

        :param body: the body to send, if it differs from :attr:`body` (``extra_body``, ids).
        :return: canonical JSON.
        """
        without_media = _replace_media(self.body if body is None else body, self.content_ids)
        return json.dumps(without_media, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _ResolvedInput:
    wire: str
    content_id: str
    metadata: InputMetadata
    warnings: tuple[str, ...] = ()


def resolve_inputs(request: KlingRequest, *, sign_seconds: int = PRESIGN_SECONDS) -> ResolvedRequest:
    """Read, check and encode all media values of a request. Runs in the worker, before a job is paid for.

    :param request: validated request with all templates rendered.
    :param sign_seconds: validity of presigned URLs of object-storage videos in seconds, a day by default.
    :return: the resolved request.
    :raises KlingRequestInvalid: values violate constraints; the text names each field, value and constraint.
    :raises KlingServerError: a storage does not respond; a retry can help.
    """
    resolved: list[_ResolvedInput] = []
    refused: list[str] = []

    def resolve(media_field: MediaField) -> str:
        try:
            resolved.append(_resolve_one(media_field, sign_seconds))
        except MissingFileError as error:
            refused.append(f"{error}: {_label(media_field)}")
            return media_field.value
        except (InvalidMediaError, StoragePermanentError) as error:
            # The value last: a path may be longer than the line that Airflow's UI shows.
            refused.append(f"{media_field.field}: {error} ({_redacted_value(media_field)})")
            return media_field.value
        except StorageTransientError as error:
            raise KlingServerError(
                f"Retry to read {media_field.field}, which could not be read now: {error} "
                f"({_redacted_value(media_field)}).",
                job=JobState.NOT_CREATED,
            ) from None
        return resolved[-1].wire

    body = map_media_fields(request, resolve).wire()
    refused += _mask_problems([item.metadata for item in resolved])
    if refused:
        raise KlingRequestInvalid(f"{'. '.join(refused)}.", job=JobState.NOT_CREATED)
    return ResolvedRequest(
        body=body,
        content_ids={item.wire: item.content_id for item in resolved},
        inputs=tuple(item.metadata for item in resolved),
        warnings=tuple(warning for item in resolved for warning in item.warnings),
    )


def _mask_problems(inputs: Sequence[InputMetadata]) -> list[str]:
    """Compare masks with the image that they lie on, and with each other; Kling fails jobs where they differ.

    :param inputs: what is known of the inputs; what is not read here has no size.
    :return: a sentence without its full stop for each mask of another shape.
    """
    sized = [(it, it.width, it.height) for it in inputs if it.width and it.height]
    image = next(((w, h) for it, w, h in sized if it.field == "image"), None)
    masks = [(it.field, w, h) for it, w, h in sized if it.field.startswith(_MASKS)]
    problems = []
    for name, width, height in masks:
        if image and abs(width * image[1] / (height * image[0]) - 1) > _RATIO_TOLERANCE:
            problems.append(
                f"{name}: is {width} x {height}; a mask needs the ratio of image, {image[0]} x {image[1]}"
            )
        elif (width, height) != masks[0][1:]:
            first = " x ".join(map(str, masks[0][1:]))
            problems.append(
                f"{name}: is {width} x {height}; all masks need one size, as {masks[0][0]} has {first}"
            )
    return problems


def _resolve_one(media_field: MediaField, sign_seconds: int) -> _ResolvedInput:
    if media_field.value.lstrip().startswith(("{", "[")):
        raise InvalidMediaError(
            "is a whole result as text, not a file of it: write such as "
            "\"{{ ti.xcom_pull('img')['images'][0]['url'] }}\""
        )
    source, rules = classify_input(media_field.value), media_field.rules
    if source is InputSource.URL:
        if not rules.url:
            raise InvalidMediaError(
                "is a URL, but Kling accepts only the content here: give a file or base64"
            )
        url = normalize_input(media_field.value)
        unreachable = (f"{_label(media_field)}: {_NOT_PUBLIC}.",) if is_private_url(url) else ()
        return _ResolvedInput(
            url, strip_url_signature(url), _input_metadata(media_field, source), unreachable
        )
    if not rules.inline:
        return _presign(media_field, source, sign_seconds)
    data = (
        decode(media_field.value, rules) if source is InputSource.BASE64 else read(media_field.value, rules)
    )
    content = inspect_media(data, rules)
    details = {name: value for name, value in asdict(content).items() if name != "warnings"}
    warnings = tuple(f"{_label(media_field)}: {text}." for text in content.warnings)
    content_id = f"sha256:{content.sha256}"
    return _ResolvedInput(
        base64.b64encode(data).decode(), content_id, _input_metadata(media_field, source, **details), warnings
    )


def is_private_url(url: str) -> bool:
    """Whether a URL names a private host by its looks; the name is not resolved.

    :param url: http(s) URL.
    :return: true for a private address or name.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(_PRIVATE_NAMES):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


def _presign(media_field: MediaField, source: InputSource, seconds: int) -> _ResolvedInput:
    if source is not InputSource.STORAGE:
        raise InvalidMediaError(
            f"is a {source}, but Kling accepts {KIND_NAMES[media_field.rules.kind]} only by URL here "
            "and has no upload: give a public http(s) URL, or a storage URI that can be signed"
        )
    phrases: list[str] = []
    url, content_id, details = presign(media_field.value, media_field.rules, seconds, phrases)
    if "x-amz-security-token" in url.lower():
        phrases.append(_SHORT_LIVED)
    warnings = tuple(f"{_label(media_field)}: {text}." for text in phrases)
    return _ResolvedInput(url, content_id, _input_metadata(media_field, source, **details), warnings)


def _input_metadata(media_field: MediaField, source: InputSource, **details: Any) -> InputMetadata:
    return InputMetadata(media_field.field, source.value, describe_media(media_field.value), **details)


def _label(media_field: MediaField) -> str:
    return f"{media_field.field}={_redacted_value(media_field)}"


def _redacted_value(media_field: MediaField) -> str:
    redacted = describe_media(media_field.value)
    return repr(truncate(redacted, _MAX_VALUE_LENGTH))


def _replace_media(value: Any, content_ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return content_ids.get(value, value)
    if isinstance(value, Mapping):
        return {key: _replace_media(item, content_ids) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_media(item, content_ids) for item in value]
    return value
