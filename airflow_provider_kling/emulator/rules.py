# SPDX-License-Identifier: Apache-2.0
"""The check of a create call's body: what the vendor would refuse is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import narrow, rules_api2, rules_audio, rules_avatar, rules_edit, rules_image, rules_video
from .bodies import COMMON, WATERMARK, Body
from .checks import Probe, fields, flag, number, text
from .made import Made
from .media_input import MediaLibrary
from .media_kinds import Medium
from .options import Dialect, Options
from .refusal import bad_parameters, bad_value

RULES: Mapping[str, Body] = {
    **rules_video.RULES,
    **rules_edit.RULES,
    **rules_avatar.RULES,
    **rules_image.RULES,
    **rules_audio.RULES,
    **rules_api2.RULES,
}

_COMETAPI: Mapping[str, Body] = {**rules_video.COMETAPI, **rules_avatar.COMETAPI}

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
    media: Mapping[str, Medium]
    ignored: tuple[str, ...]


@dataclass(frozen=True)
class Desk:
    """What checking needs: settings, where media are kept, what was made before."""

    options: Options
    library: MediaLibrary
    made: Made


def parse(raw: bytes) -> dict[str, Any]:
    """Return the JSON object of a request.

    :raises Refusal: 1200 when it is none.
    """
    try:
        body = json.loads(raw, parse_constant=_no_constant)
        if b"\\ud" in raw.lower():
            # Half of a surrogate pair is JSON, but no text.
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise bad_parameters("the request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise bad_parameters("the request body must be a JSON object")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def check(slug: str, raw: bytes, desk: Desk, model: str = "") -> Order:
    """Check the body of a create call. Slow for large media: meant for a thread.

    :param slug: the endpoint's public name.
    :param raw: the request body as received.
    :param model: the model, where it stands in the path.
    :raises Refusal: for what the vendor would refuse.
    """
    sent = parse(raw)
    rules = _rules(slug, desk.options.dialect)
    probe = Probe(desk.library, desk.made, strict=desk.options.strict and rules is not _UNKNOWN)
    body = rules.understood(rules.kind(probe, "", sent), model)
    rules.check_model(
        body.get("model_name"), desk.options.models, official=desk.options.dialect is Dialect.KLING
    )
    further = narrow.COMETAPI.get(slug, ()) if desk.options.dialect is Dialect.COMETAPI else ()
    for cross in (*rules.crosses, *further):
        if wrong := cross(body, probe.media):
            raise bad_value(wrong)
    return Order(body, shown(sent), hashlib.sha256(raw).hexdigest(), dict(probe.media), _names(probe.ignored))


def shown(value: Any) -> Any:
    """Return a body with long strings (base64) cut to their hash."""
    if isinstance(value, dict):
        return {name: shown(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [shown(entry) for entry in value]
    if isinstance(value, str) and len(value) > _SHOWN and " " not in value:
        return f"<{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()[:16]}>"
    return value


def _rules(slug: str, dialect: Dialect) -> Body:
    own = _COMETAPI if dialect is Dialect.COMETAPI else {}
    return own.get(slug) or RULES.get(slug, _UNKNOWN)


def _names(ignored: list[str]) -> tuple[str, ...]:
    return tuple(sorted(ignored))
