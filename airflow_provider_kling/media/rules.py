# SPDX-License-Identifier: Apache-2.0
"""Rules of a media check, their defaults for each endpoint, and the check of measurements. Pure: no I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .measure import Measurements

DURATION_TOLERANCE = 0.5
"""Seconds by which a duration may differ from the expected one by default."""

MAX_BLACK = 0.25
"""Share of black frames that is allowed by default."""

MAX_FROZEN = 0.5
"""Share of frozen frames that is allowed by default."""

MAX_SILENCE = 0.9
"""Share of silence that is allowed by default where audio is required."""

_SPEAKING = ("avatar", "lip-sync", "talking_agent", "video_commerce")


@dataclass(frozen=True, slots=True)
class MediaRules:
    """Limits of a media check. ``None`` means the default, or no limit where there is no default.

    :param duration: expected seconds of videos and audio; by default of the request, else of the result.
    :param duration_tolerance: seconds by which the duration may differ, 0.5 by default.
    :param min_width: pixels.
    :param min_height: pixels.
    :param min_fps: frames per second of videos.
    :param codecs: names of allowed codecs, such as ``("h264", "hevc")``.
    :param require_audio: whether there must be audible audio; by default where the request asks for audio.
    :param max_silence: share of silence, 0 to 1; 0.9 by default where audio is required.
    :param max_black: share of black frames, 0 to 1; 0.25 by default.
    :param max_frozen: share of the duration in which nothing moves, 0 to 1; 0.5 by default.
    :param loudness: minimum and maximum of the integrated loudness in LUFS.
    """

    duration: float | None = None
    duration_tolerance: float | None = None
    min_width: int | None = None
    min_height: int | None = None
    min_fps: float | None = None
    codecs: tuple[str, ...] | None = None
    require_audio: bool | None = None
    max_silence: float | None = None
    max_black: float | None = None
    max_frozen: float | None = None
    loudness: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the rules as JSON.

        :return: the rules that are set.
        """
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in known.items()
            if value is not None
        }


def with_defaults(
    rules: MediaRules,
    endpoint: str | None,
    request: Mapping[str, Any],
    item: Mapping[str, Any],
) -> MediaRules:
    """Fill in the defaults for a file.

    :param rules: rules of the user.
    :param endpoint: slug of the endpoint that made the file, ``None`` if it is unknown.
    :param request: the manifest's ``request``; empty if it is unknown.
    :param item: item of the result or file of the manifest, for its ``duration``.
    :return: rules without ``None`` where there is a default.
    """
    asked = _parameters(request)
    # The duration of an edited video is that of the original, whatever the request says.
    requested = None if asked.get("video_list") else _seconds(asked.get("duration"))
    duration = rules.duration if rules.duration is not None else requested or _seconds(item.get("duration"))
    audio = rules.require_audio
    if audio is None:
        audio = _asks_for_audio(endpoint or "", asked)
    return replace(
        rules,
        duration=duration,
        duration_tolerance=_or(rules.duration_tolerance, DURATION_TOLERANCE),
        require_audio=audio,
        max_silence=_or(rules.max_silence, MAX_SILENCE if audio else 1.0),
        max_black=_or(rules.max_black, MAX_BLACK),
        max_frozen=_or(rules.max_frozen, MAX_FROZEN),
    )


def find_failures(found: Measurements, rules: MediaRules) -> list[str]:
    """Compare measurements with rules.

    :param found: measurements of a file.
    :param rules: rules with defaults.
    :return: a sentence for each rule that the file breaks; empty if it passes.
    """
    failures = [] if found.complete else ["the file is truncated or damaged"]
    failures += _size_failures(found, rules)
    if found.kind != "image":
        failures += [*_duration_failures(found, rules), *_audio_failures(found, rules)]
    return [*failures, *_image_failures(found, rules)]


def _size_failures(found: Measurements, rules: MediaRules) -> list[str]:
    failures = []
    for name, size, least in (
        ("width", found.width, rules.min_width),
        ("height", found.height, rules.min_height),
    ):
        if least is not None and size is not None and size < least:
            failures.append(f"{name} is {size} pixels; expected at least {least}")
    if rules.codecs and found.codec not in rules.codecs:
        failures.append(f"codec is {found.codec}; expected {' or '.join(rules.codecs)}")
    return failures


def _duration_failures(found: Measurements, rules: MediaRules) -> list[str]:
    if rules.duration is None or found.duration is None:
        return []
    tolerance = rules.duration_tolerance or 0.0
    if abs(found.duration - rules.duration) <= tolerance:
        return []
    return [f"duration is {found.duration:.2f} s; expected {rules.duration:g} s ± {tolerance:g} s"]


def _audio_failures(found: Measurements, rules: MediaRules) -> list[str]:
    if not found.audio:
        return ["there is no audio stream"] if rules.require_audio or rules.loudness else []
    failures = []
    if rules.max_silence is not None and found.silence is not None and found.silence > rules.max_silence:
        failures.append(
            f"{found.silence:.0%} of the audio is silent; at most {rules.max_silence:.0%} allowed"
        )
    if rules.loudness:
        low, high = rules.loudness
        level = found.loudness if found.loudness is not None else -math.inf
        if not low <= level <= high:
            failures.append(f"loudness is {level:.1f} LUFS; expected {low:g} to {high:g}")
    return failures


def _image_failures(found: Measurements, rules: MediaRules) -> list[str]:
    failures = []
    if found.kind == "video" and rules.min_fps is not None and (found.fps or 0.0) < rules.min_fps - 0.05:
        failures.append(f"frame rate is {found.fps or 0:g} fps; expected at least {rules.min_fps:g}")
    # A dark image may be what the prompt asks for, a dark film hardly.
    black = found.black if found.kind == "video" else None
    for name, share, most in (("black", black, rules.max_black), ("frozen", found.frozen, rules.max_frozen)):
        if share is not None and most is not None and share > most:
            failures.append(f"{share:.0%} of the frames are {name}; at most {most:.0%} allowed")
            # Black frames do not move either: one failure is enough.
            break
    return failures


def _asks_for_audio(endpoint: str, asked: Mapping[str, Any]) -> bool:
    if any(word in endpoint for word in _SPEAKING):
        return True
    asked_for = any(asked.get(name) in (True, "on", "native") for name in ("sound", "audio"))
    return asked_for or endpoint.startswith("audio/")


def _parameters(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters of a request; those of API 2.0 are in a section of their own."""
    parameters = request.get("parameters")
    if not isinstance(parameters, Mapping):
        return {}
    settings = parameters.get("settings")
    return {**parameters, **settings} if isinstance(settings, Mapping) else parameters


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
