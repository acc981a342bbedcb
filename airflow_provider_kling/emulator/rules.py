# SPDX-License-Identifier: Apache-2.0
"""The check of a create call's body: what the vendor would refuse is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import rules_video
from .bodies import COMMON, WATERMARK, Body
from .checks import Probe, fields, flag, number, text
from .media_input import MediaLibrary, Picture
from .options import Options
from .refusal import bad_parameters, bad_value

RULES: Mapping[str, Body] = {**rules_video.RULES}

_UNKNOWN = Body(
    fields(
        **COMMON,
        **WATERMARK,
        model_name=text(),
        prompt=text(2500),
        negative_prompt=text(2500),
        multi_shot=flag(),
        n=number(1, 9, whole=True),
    )
)
"""For an endpoint nobody has written rules for: the fields that mean the same everywhere."""

_SHOWN = 512


@dataclass(frozen=True)
class Order:
    """A create call that passed the checks.

    :param body: the body as it was understood: empty strings are gone.
    :param shown: the body with long strings (base64) cut to their hash.
    :param digest: hash of the body as it was sent.
    :param media: pictures, sounds and clips of the body by where they were.
    :param ignored: names of fields that the API does not know.
    """

    body: Mapping[str, Any]
    shown: Mapping[str, Any]
    digest: str
    media: Mapping[str, Picture]
    ignored: tuple[str, ...]


def parse(raw: bytes) -> dict[str, Any]:
    """Return the JSON object of a request.

    :raises Refusal: 1200 when it is none.
    """
    try:
        body = json.loads(raw)
    except ValueError:
        raise bad_parameters("the request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise bad_parameters("the request body must be a JSON object")
    return body


def check(slug: str, raw: bytes, library: MediaLibrary, options: Options) -> Order:
    """Check the body of a create call. Slow for large pictures: meant for a thread.

    :param slug: the endpoint's public name.
    :param raw: the request body as received.
    :raises Refusal: for what the vendor would refuse.
    """
    rules = RULES.get(slug)
    sent = parse(raw)
    probe = Probe(library, strict=options.strict and rules is not None)
    rules = rules or _UNKNOWN
    body = rules.kind(probe, "", sent)
    rules.check_model(body.get("model_name"), options.models)
    for cross in rules.crosses:
        if wrong := cross(body):
            raise bad_value(wrong)
    return Order(
        body, _shown(sent), hashlib.sha256(raw).hexdigest(), dict(probe.media), tuple(sorted(probe.ignored))
    )


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_shown(entry) for entry in value]
    if isinstance(value, str) and len(value) > _SHOWN and " " not in value:
        return f"<{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()[:16]}>"
    return value
