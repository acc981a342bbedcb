# SPDX-License-Identifier: Apache-2.0
"""Validation of the bodies of create calls by the rules of their endpoint and host."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..artifacts import ArtifactStore
from ..errors import invalid_request, invalid_value
from ..media.inputs import MediaStore
from ..media.specs import MediaInfo
from ..options import Dialect, Options
from . import audio, avatar, cometapi, image, solutions, v2, video
from .rules import COMMON, WATERMARK, BodySpec
from .schema import ValidationState, boolean, number, object_, string

RULES: Mapping[str, BodySpec] = {
    **video.RULES,
    **avatar.RULES,
    **image.RULES,
    **audio.RULES,
    **v2.RULES,
    **solutions.RULES,
}

_GENERIC_SPEC = BodySpec(
    object_(
        **COMMON,
        **WATERMARK,
        model_name=string(),
        prompt=string(2500),
        negative_prompt=string(2500),
        multi_shot=boolean(),
        n=number(1, 9, whole=True),
    )
)
"""For an endpoint without its own rules: the fields with the same meaning everywhere."""

_MAX_TEXT_LENGTH = 512


@dataclass(frozen=True)
class ValidatedBody:
    """A create call that passed the checks.

    :param body: the normalized body, without empty strings.
    :param redacted_body: the body with long strings (base64) replaced by their hash.
    :param digest: hash of the body as it was sent.
    :param media: images, audio and videos of the body by field path.
    :param unknown_fields: names of fields that the API does not know.
    """

    body: Mapping[str, Any]
    redacted_body: Mapping[str, Any]
    digest: str
    media: Mapping[str, MediaInfo]
    unknown_fields: tuple[str, ...]


@dataclass(frozen=True)
class ValidationContext:
    """What the validation of a body depends on.

    :param options: settings of the emulator.
    :param library: media of requests.
    :param artifacts: results of earlier jobs.
    """

    options: Options
    library: MediaStore
    artifacts: ArtifactStore


def parse_json(raw: bytes) -> dict[str, Any]:
    """Parse the JSON object of a request.

    :param raw: the request body.
    :return: the object.
    :raises ApiErrorResponse: 1200 if it is none.
    """
    try:
        body = json.loads(raw, parse_constant=_reject_constant)
        if b"\\ud" in raw.lower():
            # Half of a surrogate pair is JSON, but no text.
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise invalid_request("the request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise invalid_request("the request body must be a JSON object")
    return body


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def validate_body(slug: str, raw: bytes, context: ValidationContext, model: str = "") -> ValidatedBody:
    """Validate the body of a create call. Slow for large media: meant for a thread.

    :param slug: the endpoint's public name.
    :param raw: the request body as received.
    :param context: what the validation depends on.
    :param model: the model, where it stands in the path.
    :return: the validated body.
    :raises ApiErrorResponse: the vendor would refuse it.
    """
    parsed = parse_json(raw)
    rules = _rules(slug, context.options.dialect)
    state = ValidationState(
        context.library, context.artifacts, strict=context.options.strict and rules is not _GENERIC_SPEC
    )
    body = rules.normalize(rules.kind(state, "", parsed), model)
    rules.check_model(
        body.get("model_name"), context.options.models, official=context.options.dialect is Dialect.KLING
    )
    further_rules = cometapi.LIMITS.get(slug, ()) if context.options.dialect is Dialect.COMETAPI else ()
    for rule in (*rules.cross_rules, *further_rules):
        if violation := rule(body, state.media):
            raise invalid_value(violation)
    return ValidatedBody(
        body,
        redact_body(parsed),
        hashlib.sha256(raw).hexdigest(),
        dict(state.media),
        tuple(sorted(state.unknown_fields)),
    )


def redact_body(value: Any) -> Any:
    """Replace long strings (base64) in a body by their hash.

    :param value: a JSON value.
    :return: the value to show.
    """
    if isinstance(value, dict):
        return {name: redact_body(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [redact_body(entry) for entry in value]
    if isinstance(value, str) and len(value) > _MAX_TEXT_LENGTH and " " not in value:
        return f"<{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()[:16]}>"
    return value


def _rules(slug: str, dialect: Dialect) -> BodySpec:
    host_rules = cometapi.RULES if dialect is Dialect.COMETAPI else {}
    return host_rules.get(slug) or RULES.get(slug, _GENERIC_SPEC)
