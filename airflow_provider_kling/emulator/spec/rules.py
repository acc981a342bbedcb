# SPDX-License-Identifier: Apache-2.0
"""The rules for one request body, and the rules that several bodies share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ApiErrorResponse, invalid_value
from ..media.inputs import AUDIO_FORMATS, IMAGE, MediaLimits
from ..media.specs import AudioInfo, MediaInfo, VideoInfo
from .schema import Check, array, boolean, image, number, number_as_text, object_, string, url

Body = Mapping[str, Any]
Media = Mapping[str, MediaInfo]
CrossRule = Callable[[Body, Media], str | None]
"""A rule over several fields: takes body and media, returns what is wrong or ``None``."""

COMMON: Mapping[str, Check] = {
    "callback_url": url(),
    "external_task_id": string(),
}
WATERMARK: Mapping[str, Check] = {"watermark_info": object_(enabled=boolean())}
ELEMENT = object_("element_id", element_id=number(1, whole=True))
IMAGES = object_("image", image=image())
ANY_RATIO = replace(IMAGE, ratio=None)
"""Images where a page states no ratio."""
VIDEO_FORMATS = ("mp4", "mov")
OMNI_VIDEO = MediaLimits(VIDEO_FORMATS, (3, 15.5), (700, 4553), megabytes=200, pixels=8_294_400, fps=(24, 60))
SPEECH = MediaLimits(AUDIO_FORMATS, (2, 300), megabytes=5)
SHORT_SPEECH = MediaLimits(AUDIO_FORMATS, (2, 60), megabytes=5)

SHOTS: Mapping[str, Check] = {
    "multi_shot": boolean(),
    "shot_type": string(one_of=("customize", "intelligence")),
    "multi_prompt": array(
        object_(
            "index",
            "prompt",
            "duration",
            index=number(1, 6, whole=True),
            prompt=string(512),
            duration=number_as_text(),
        ),
        1,
        6,
    ),
}
SECONDS = tuple(str(seconds) for seconds in range(3, 16))


@dataclass(frozen=True)
class BodySpec:
    """The rules for the body of one endpoint.

    :param kind: shape of the body.
    :param cross_rules: rules over several fields.
    :param models: accepted values of ``model_name``, the default first; empty where the field is not used.
    :param retired: values of ``model_name`` that the vendor has discontinued.
    :param gateway_models: further values of ``model_name`` on gateways.
    :param normalize: converts a checked body and a model to the body that cross rules and planners read.
    """

    kind: Check
    cross_rules: tuple[CrossRule, ...] = ()
    models: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    gateway_models: tuple[str, ...] = ()
    normalize: Callable[[dict[str, Any], str], dict[str, Any]] = lambda body, _: body

    def check_model(self, name: str | None, extra_models: tuple[str, ...], *, official: bool) -> None:
        """Refuse an unknown model and, on the vendor's own hosts, a retired one.

        :param name: the model; ``None`` for the default one.
        :param extra_models: models to accept in any case.
        :param official: whether this is a host of the vendor.
        """
        known = (*self.models, *self.retired)
        if not known:
            return
        name = name or known[0]
        if name in extra_models:
            return
        if official and name in self.retired:
            raise invalid_value(f"The model '{name}' has been discontinued and is no longer available.")
        if name not in known and (official or name not in self.gateway_models):
            raise ApiErrorResponse(404, 1203, f"model_name value '{name}' does not exist")


def first_video(media: Media) -> VideoInfo | None:
    """Return the video of a request.

    :param media: media of the request by field.
    :return: the video; ``None`` if there is none.
    """
    return next((medium for medium in media.values() if isinstance(medium, VideoInfo)), None)


def first_audio(media: Media) -> AudioInfo | None:
    """Return the audio file of a request.

    :param media: media of the request by field.
    :return: the audio file; ``None`` if there is none.
    """
    return next((medium for medium in media.values() if isinstance(medium, AudioInfo)), None)


def exactly_one(*names: str, within: str = "") -> CrossRule:
    """Require exactly one of several fields.

    :param names: the fields.
    :param within: object of the body that holds them; the body itself by default.
    :return: the rule.
    """

    def check(body: Body, _: Media) -> str | None:
        found = [name for name in names if name in (body[within] if within else body)]
        if len(found) == 1:
            return None
        return f"one and only one of {' and '.join(names)} must be given, got {len(found)}"

    return check


def at_least_one(*names: str) -> CrossRule:
    """Require at least one of several fields.

    :param names: the fields.
    :return: the rule.
    """
    return lambda body, _: (
        None if any(name in body for name in names) else f"{' or '.join(names)} is required"
    )


def at_most_one_group(*groups: tuple[str, ...]) -> CrossRule:
    """Allow fields of only one of several groups.

    :param groups: groups of fields.
    :return: the rule.
    """

    def check(body: Body, _: Media) -> str | None:
        used = ["/".join(group) for group in groups if any(name in body for name in group)]
        return f"{', '.join(used)} cannot be used together" if len(used) > 1 else None

    return check


def requires(name: str, other: str) -> CrossRule:
    """Require another field with a field.

    :param name: the field.
    :param other: the field that it requires.
    :return: the rule.
    """
    return lambda body, _: f"{other} is required with {name}" if name in body and other not in body else None


def max_items_together(limit: int, *fields: str) -> CrossRule:
    """Limit the number of items that several arrays, or single values, hold together.

    :param limit: the limit.
    :param fields: the fields.
    :return: the rule.
    """

    def check(body: Body, _: Media) -> str | None:
        present = [body[name] for name in fields if name in body]
        count = sum(len(entry) if isinstance(entry, list) else 1 for entry in present)
        return (
            f"the number of {' and '.join(fields)} cannot exceed {limit} in total" if count > limit else None
        )

    return check


def shots(body: Body, _: Media) -> str | None:
    """Check the fields of multi-shot.

    :param body: the body.
    :return: the error; ``None`` if the body is valid.
    """
    if not body.get("multi_shot"):
        unused = [name for name in ("shot_type", "multi_prompt") if name in body]
        return f"{unused[0]} is invalid when multi_shot is false" if unused else None
    if "shot_type" not in body:
        return "shot_type is required when multi_shot is true"
    if body["shot_type"] == "customize":
        return _shot_seconds(body)
    return None if body.get("prompt") else "prompt is required when shot_type is intelligence"


def prompt_or_shots(body: Body, _: Media) -> str | None:
    """Require a prompt unless the shots have theirs.

    :param body: the body.
    :return: the error; ``None`` if the body is valid.
    """
    return None if "prompt" in body or body.get("shot_type") == "customize" else "prompt is required"


def _shot_seconds(body: Body) -> str | None:
    if not body.get("multi_prompt"):
        return "multi_prompt is required when shot_type is customize"
    seconds = [shot["duration"] for shot in body["multi_prompt"]]
    if not all(value.isdigit() and int(value) >= 1 for value in seconds):
        return "the duration of each shot must be at least 1"
    expected = int(body.get("duration", "5"))
    if sum(map(int, seconds)) != expected:
        return f"the sum of all shot durations must be equal to the total duration {expected}"
    return None
