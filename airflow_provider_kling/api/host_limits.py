# SPDX-License-Identifier: Apache-2.0
"""Limits that single hosts document and that are narrower than those of other sources, as data.

The request models enforce the widest documented limit. An entry here warns on the host it was documented
for, and names its source; it refuses only what that host documents as refused or as not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from .model_rules import model_available_rule
from .models import MODELS, V2_MODELS, active_models
from .requests.rules import Rule, custom_rule, join_names, set_fields

Severity = Literal["warn", "refuse"]

_COMET_AVATAR = "CometAPI documentation, Avatar"
_COMET_IMAGE_TO_VIDEO = "CometAPI documentation, Image to Video"
_COMET_MULTI_IMAGE = "CometAPI documentation, Multi-image to Video"
_COMET_TEXT_TO_VIDEO = "CometAPI documentation, Text to Video"
_COMET_OMNI_VIDEO = "CometAPI documentation, Omni Video"
_COMET_LIP_SYNC = "CometAPI documentation, Lip-Sync"
_COMET_IMAGE = "CometAPI documentation, Image Generation"
_KLING = "Kling documentation of 2026-09"
_KLING_2025 = "Kling documentation of 2025-12"
_KLING_SERIES_3 = "Kling documentation of 2026-02, Series 3.0 Model API"


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule that one host documents for one endpoint.

    :param endpoint: slug of the endpoint.
    :param dialect: the host's dialect: ``kling``, ``cometapi`` or ``gateway``.
    :param rule: the rule; its ``violation`` gets the request.
    :param source: the document that has it.
    :param severity: ``refuse`` where the document says that the host refuses such a request or does not have
        what it asks for, else ``warn``.
    """

    endpoint: str
    dialect: str
    rule: Rule
    source: str
    severity: Severity = "warn"


@dataclass(frozen=True, slots=True)
class MediaLimit:
    """A narrower length that one host documents for an audio or video.

    :param endpoint: slug of the endpoint.
    :param dialect: the host's dialect.
    :param path: the field, such as ``sound_file``.
    :param seconds: shortest and longest length.
    :param source: the document that has it.
    """

    endpoint: str
    dialect: str
    path: str
    seconds: tuple[float, float]
    source: str


class LimitViolation(NamedTuple):
    """A message about a request that its host documents differently."""

    field: str
    text: str
    source: str
    severity: Severity


def check_host_limits(endpoint: str, dialect: str, request: Any) -> list[LimitViolation]:
    """Check a request against what its host documents.

    :param endpoint: slug of the endpoint.
    :param dialect: dialect of the connection's host.
    :param request: the request; fields that hold templates are passed over.
    :return: what to warn of or to refuse; empty when all is well.
    """
    return [
        LimitViolation(limit.rule.fields[0], f"{what} ({limit.source})", limit.source, limit.severity)
        for limit in LIMITS
        if limit.endpoint == endpoint and limit.dialect == dialect and limit.rule.is_evaluable(request)
        if (what := limit.rule.violation(request))
    ]


def check_media_limits(endpoint: str, dialect: str, path: str, seconds: float) -> list[LimitViolation]:
    """Check the length of an audio or video file against the host's documented limits.

    :param endpoint: slug of the endpoint.
    :param dialect: dialect of the connection's host.
    :param path: where the file stands in the request, such as ``sound_file``.
    :param seconds: its length.
    :return: a warning for each limit that the length exceeds.
    """
    found = []
    for limit in MEDIA_LIMITS:
        if (limit.endpoint, limit.dialect, limit.path) != (endpoint, dialect, path):
            continue
        shortest, longest = limit.seconds
        if not shortest <= seconds <= longest:
            text = (
                f"{path} lasts {seconds:g} s; {shortest:g} to {longest:g} s are documented ({limit.source})"
            )
            found.append(LimitViolation(path, text, limit.source, "warn"))
    return found


def _max_length(name: str, most: int) -> Rule:
    def violation(request: Any) -> str | None:
        length = len(getattr(request, name) or "")
        return f"{name} has {length} characters; at most {most} are documented" if length > most else None

    return Rule((name,), f"{name} has at most {most} characters", violation)


def _allowed(name: str, *values: str) -> Rule:
    def violation(request: Any) -> str | None:
        value = getattr(request, name)
        return (
            f"{name} is {value}; only {join_names(values)} is documented"
            if set_fields(request, name) and value not in values
            else None
        )

    return Rule((name,), f"{name} is {join_names(values)}", violation)


def _undocumented(*names: str) -> Rule:
    def violation(request: Any) -> str | None:
        found = set_fields(request, *names)
        return f"{join_names(found, 'and')} not documented here: may be ignored" if found else None

    return Rule(names, f"{join_names(names)} may be ignored", violation)


def _renamed_face_field(name: str, instead: str) -> Rule:
    return custom_rule(
        "face_choose",
        text=f"face_choose[].{name} may be ignored; the documented name is {instead}",
        violated=lambda request: any(set_fields(face, name) for face in request.face_choose),
    )


def _prompt_missing_v3(request: Any) -> bool:
    return request.model_name == "kling-v3" and not set_fields(request, "prompt", "shot_type")


_COMET_WORDS = (_max_length("prompt", 500), _max_length("negative_prompt", 200))
_COMET_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3")
_COMET_VIDEO = (*_COMET_WORDS, _allowed("duration", "5", "10"), _allowed("mode", "std", "pro"))

LIMITS: tuple[Limit, ...] = (
    Limit(
        "videos/avatar/image2video",
        "cometapi",
        custom_rule(
            "prompt",
            text="prompt must be given: CometAPI rejects requests without it",
            violated=lambda request: not set_fields(request, "prompt"),
        ),
        _COMET_AVATAR,
        "refuse",
    ),
    *(Limit("videos/text2video", "cometapi", narrow, _COMET_TEXT_TO_VIDEO) for narrow in _COMET_VIDEO),
    *(Limit("videos/image2video", "cometapi", narrow, _COMET_IMAGE_TO_VIDEO) for narrow in _COMET_VIDEO),
    *(Limit("images/generations", "cometapi", words, _COMET_IMAGE) for words in _COMET_WORDS),
    Limit("images/generations", "cometapi", _allowed("aspect_ratio", *_COMET_RATIOS), _COMET_IMAGE),
    *(Limit("videos/multi-image2video", "cometapi", words, _COMET_MULTI_IMAGE) for words in _COMET_WORDS),
    Limit(
        "videos/multi-image2video",
        "cometapi",
        custom_rule(
            "image_list",
            text="image_list holds 1 image; 2 to 4 are documented",
            violated=lambda request: len(request.image_list) == 1,
        ),
        _COMET_MULTI_IMAGE,
    ),
    Limit("videos/omni-video", "cometapi", _allowed("model_name", "kling-video-o1"), _COMET_OMNI_VIDEO),
    Limit(
        "videos/advanced-lip-sync",
        "cometapi",
        _renamed_face_field("original_audio_volume", "original_sound_volume"),
        _COMET_LIP_SYNC,
    ),
    Limit(
        "videos/advanced-lip-sync",
        "kling",
        _renamed_face_field("original_sound_volume", "original_audio_volume"),
        _KLING,
    ),
    Limit(
        "videos/advanced-lip-sync",
        "kling",
        custom_rule(
            "face_choose",
            text="face_choose may hold one face: Kling lets only one person speak",
            violated=lambda request: len(request.face_choose) > 1,
        ),
        _KLING,
        "refuse",
    ),
    Limit("videos/text2video", "kling", _allowed("aspect_ratio", "16:9", "9:16", "1:1"), _KLING),
    Limit(
        "videos/image2video",
        "kling",
        custom_rule(
            "prompt",
            "model_name",
            "shot_type",
            text="prompt is documented as needed with kling-v3, unless multi_prompt holds the shots",
            violated=_prompt_missing_v3,
        ),
        _KLING_SERIES_3,
    ),
    # Where Kling has no model left, what it would say to another one is not known.
    *(
        Limit(slug, "kling", model_available_rule(slug), _KLING, "refuse")
        for slug in MODELS
        if slug not in V2_MODELS and active_models(slug)
    ),
    Limit(
        "videos/multi-image2video",
        "kling",
        _undocumented("cfg_scale", "static_mask", "dynamic_masks"),
        _KLING_2025,
    ),
    Limit(
        "videos/avatar",
        "kling",
        custom_rule(
            "image",
            text="Kling's pages have no path videos/avatar; its own avatars are at videos/avatar/image2video",
            violated=lambda _: True,
        ),
        _KLING,
    ),
    Limit(
        "videos/lip-sync",
        "kling",
        custom_rule(
            "mode",
            text="Kling's pages no longer have videos/lip-sync; videos/identify-face and"
            " videos/advanced-lip-sync replace it",
            violated=lambda _: True,
        ),
        _KLING,
    ),
)
"""Every narrower rule of a single host."""

MEDIA_LIMITS: tuple[MediaLimit, ...] = (
    MediaLimit("videos/avatar/image2video", "cometapi", "sound_file", (2, 60), _COMET_AVATAR),
)
"""Every narrower length of a single host."""
