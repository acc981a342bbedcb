# SPDX-License-Identifier: Apache-2.0
"""What a rule set for one request body consists of, and the rules that many of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .checks import Kind, fields, flag, number, picture, several, text, url
from .refusal import Refusal, bad_value

Cross = Callable[[Mapping[str, Any]], str | None]
"""A rule over several fields: gets the body, returns what is wrong with it or ``None``."""

COMMON: Mapping[str, Kind] = {
    "callback_url": url(),
    "external_task_id": text(128),
}
WATERMARK: Mapping[str, Kind] = {"watermark_info": fields(enabled=flag())}

SHOTS: Mapping[str, Kind] = {
    "multi_shot": flag(),
    "shot_type": text(one_of=("customize", "intelligence")),
    "multi_prompt": several(
        fields(
            "index", "prompt", "duration", index=number(1, 6, whole=True), prompt=text(512), duration=text()
        ),
        1,
        6,
    ),
}
ELEMENTS = several(fields("element_id", element_id=number(1, whole=True)), 1, 10)
VOICES = several(fields("voice_id", voice_id=text()), 1, 2)
PICTURES = several(fields("image", image=picture()), 1, 10)
SECONDS = tuple(str(seconds) for seconds in range(3, 16))


@dataclass(frozen=True)
class Body:
    """The rules for the body of one endpoint.

    :param kind: shape of the body.
    :param crosses: rules over several fields.
    :param models: accepted values of ``model_name``, the default first; empty where the field is not used.
    :param retired: values of ``model_name`` that the vendor has switched off.
    """

    kind: Kind
    crosses: tuple[Cross, ...] = ()
    models: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()

    def check_model(self, name: str | None, further: tuple[str, ...]) -> None:
        """Refuse a model that does not exist or no longer does."""
        if not self.models:
            return
        name = name or self.models[0]
        if name in self.retired:
            raise bad_value(f"The model '{name}' has been discontinued and is no longer available.")
        if name not in (*self.models, *further):
            raise Refusal(404, 1203, f"model_name value '{name}' does not exist")


def one_of_fields(*names: str) -> Cross:
    """One and only one of the fields is sent."""

    def check(body: Mapping[str, Any]) -> str | None:
        found = [name for name in names if name in body]
        if len(found) == 1:
            return None
        return f"one and only one of {' and '.join(names)} must be given, got {len(found)}"

    return check


def any_of_fields(*names: str) -> Cross:
    """At least one of the fields is sent."""
    return lambda body: None if any(name in body for name in names) else f"{' or '.join(names)} is required"


def one_group(*groups: tuple[str, ...]) -> Cross:
    """Fields of only one of the groups are sent."""

    def check(body: Mapping[str, Any]) -> str | None:
        used = ["/".join(group) for group in groups if any(name in body for name in group)]
        return f"{', '.join(used)} cannot be used together" if len(used) > 1 else None

    return check


def shots(body: Mapping[str, Any]) -> str | None:
    """What multi-shot requires; without it the prompt is required unless a picture is sent."""
    if not body.get("multi_shot"):
        unused = [name for name in ("shot_type", "multi_prompt") if name in body]
        return f"{unused[0]} is invalid when multi_shot is false" if unused else None
    if "shot_type" not in body:
        return "shot_type is required when multi_shot is true"
    if body["shot_type"] == "customize":
        return _shot_seconds(body)
    return None if body.get("prompt") else "prompt is required when shot_type is intelligence"


def _shot_seconds(body: Mapping[str, Any]) -> str | None:
    if not body.get("multi_prompt"):
        return "multi_prompt is required when shot_type is customize"
    seconds = [shot["duration"] for shot in body["multi_prompt"]]
    if not all(value.isdigit() and int(value) >= 1 for value in seconds):
        return "the duration of each shot must be at least 1"
    wanted = int(body.get("duration", "5"))
    if sum(map(int, seconds)) != wanted:
        return f"the sum of all shot durations must be equal to the total duration {wanted}"
    return None
