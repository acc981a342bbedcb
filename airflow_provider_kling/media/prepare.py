# SPDX-License-Identifier: Apache-2.0
"""A request as a DAG author writes it, made into the body that Kling accepts."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..api.request import KlingRequest
from ..api.shorten import describe_media, stable_url
from ..exceptions import JobState, KlingRequestInvalid, KlingServerError
from ..storage import StorageDown, StorageRefused
from .content import NOUNS, ContentRefused, inspect
from .source import Source, decode, read, sign, source_of
from .walk import Found, map_media

SIGNED_SECONDS = 86_400
"""How long a presigned address is valid: a job may wait in Kling's queue before its input is fetched."""

_SHORT_LIVED = (
    "it is signed with temporary credentials, and the address ends with them, however long it was signed for"
)
_LONGEST_SHOWN = 120


@dataclass(frozen=True, slots=True)
class MediaFact:
    """What is known of one input, fit for a manifest.

    :param field: where it stands in the request.
    :param source: ``url``, ``base64``, ``local path`` or ``object storage``.
    :param value: what the DAG author gave, shortened.
    :param mime: media type by content; ``None`` for a URL, which is not fetched.
    :param size: bytes.
    :param sha256: hash of the content.
    :param seconds: length of a sound.
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
        """Return what is known as plain JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request whose media Kling can read.

    :param body: JSON body to send. Holds base64 and signed addresses: never to be logged.
    :param marks: what stands for each media value of the body in :meth:`canonical`.
    :param media: what is known of each input.
    :param warnings: what is worth telling the DAG author, a sentence each.
    """

    body: dict[str, Any] = field(repr=False)
    marks: Mapping[str, str] = field(repr=False)
    media: tuple[MediaFact, ...] = ()
    warnings: tuple[str, ...] = ()

    def canonical(self, body: Mapping[str, Any] | None = None) -> str:
        """Return a text that is the same for the same request, however its media were handed over.

        Each medium stands as the hash of its content, or as its address without what signs it.

        :param body: the body that is sent, where it differs from :attr:`body` (``extra_body``, ids).
        """
        marked = _marked(self.body if body is None else body, self.marks)
        return json.dumps(marked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Taken:
    wire: str
    mark: str
    fact: MediaFact
    warnings: tuple[str, ...] = ()


def prepare_media(request: KlingRequest, *, sign_seconds: int = SIGNED_SECONDS) -> PreparedRequest:
    """Read, check and encode every media value of a request. Runs in the worker, before anything is paid.

    :param request: validated, with all templates rendered.
    :param sign_seconds: how long presigned addresses of object-storage videos are valid, in seconds.
    :raises KlingRequestInvalid: names every field whose value breaks a rule, the value and the rule.
    :raises KlingServerError: when a storage does not answer; trying again can help.
    """
    taken: list[_Taken] = []
    refused: list[str] = []

    def take(found: Found) -> str:
        try:
            taken.append(_take(found, sign_seconds))
        except (ContentRefused, StorageRefused) as error:
            refused.append(f"{_named(found)}: {error}")
            return found.value
        except StorageDown as error:
            raise KlingServerError(
                f"{_named(found)} could not be read now: {error}.", job=JobState.NOT_CREATED
            ) from None
        return taken[-1].wire

    body = map_media(request, take).wire()
    if refused:
        raise KlingRequestInvalid(f"{'. '.join(refused)}.", job=JobState.NOT_CREATED)
    return PreparedRequest(
        body=body,
        marks={item.wire: item.mark for item in taken},
        media=tuple(item.fact for item in taken),
        warnings=tuple(warning for item in taken for warning in item.warnings),
    )


def _take(found: Found, sign_seconds: int) -> _Taken:
    source, rules = source_of(found.value), found.rules
    if source is Source.URL:
        if not rules.url:
            raise ContentRefused(
                "is an address, but Kling takes only the content here: give a file or base64"
            )
        return _Taken(found.value, stable_url(found.value), _fact(found, source))
    if not rules.inline:
        return _signed(found, source, sign_seconds)
    data = decode(found.value, rules) if source is Source.BASE64 else read(found.value, rules)
    content = inspect(data, rules)
    known = {name: value for name, value in asdict(content).items() if name != "advice"}
    warnings = tuple(f"{_named(found)}: {words}." for words in content.advice)
    mark = f"sha256:{content.sha256}"
    return _Taken(base64.b64encode(data).decode(), mark, _fact(found, source, **known), warnings)


def _signed(found: Found, source: Source, seconds: int) -> _Taken:
    if source is not Source.STORAGE:
        raise ContentRefused(
            f"is a {source}, but Kling takes {NOUNS[found.rules.kind]} by address only here "
            "and has no upload: give a public http(s) URL, or an object-storage address that can be signed"
        )
    url, mark, known = sign(found.value, found.rules, seconds)
    warnings = (f"{_named(found)}: {_SHORT_LIVED}.",) if "x-amz-security-token" in url.lower() else ()
    return _Taken(url, mark, _fact(found, source, **known), warnings)


def _fact(found: Found, source: Source, **known: Any) -> MediaFact:
    return MediaFact(found.field, source.value, describe_media(found.value), **known)


def _named(found: Found) -> str:
    shown = describe_media(found.value)
    return f"{found.field}={shown if len(shown) <= _LONGEST_SHOWN else f'{shown[:_LONGEST_SHOWN]}…'!r}"


def _marked(value: Any, marks: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return marks.get(value, value)
    if isinstance(value, Mapping):
        return {key: _marked(item, marks) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(item, marks) for item in value]
    return value
