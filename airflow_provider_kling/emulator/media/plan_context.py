# SPDX-License-Identifier: Apache-2.0
"""The plan of a job's result, and what planners need to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..artifacts import ArtifactStore, EditSession
from ..spec.validation import ValidatedBody
from .specs import AudioInfo, ImageInfo, ResultEntry, VideoInfo, content_hash

_CHARACTERS_A_SECOND = {"en": 15.0, "zh": 4.0}
_MIN_SPEECH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The planned result of a job.

    :param items: entries of its result.
    :param seconds: length of the result, for the price.
    :param count: number of images, which is also the number of slots; 1 for other results.
    :param parent: the video that the task reports as its parent.
    :param session: a session that begins when the job is created.
    :param failure: why the job fails, for faults that the vendor detects only while it works.
    """

    items: tuple[ResultEntry, ...]
    seconds: float = 0.0
    count: int = 1
    parent: VideoInfo | None = None
    session: EditSession | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class PlanContext:
    """Facts about the job that is planned.

    :param task_id: id of the task; ids of its results are derived from it.
    :param scale: size of images relative to the real ones.
    :param now: the emulator's time.
    :param artifacts: results of earlier jobs.
    """

    task_id: str
    scale: float
    now: float
    artifacts: ArtifactStore


Planner = Callable[[ValidatedBody, PlanContext], Plan]
"""Plans the result of a validated create call.

It may refuse a call that contradicts earlier calls.
"""


def placeholder_image(validated: ValidatedBody) -> ImageInfo:
    """Return a placeholder image made from the prompt of a request.

    :param validated: the validated body.
    :return: the image.
    """
    return ImageInfo(content_hash(str(validated.body.get("prompt", validated.digest))), 1280, 720)


def speech_audio(text: str, *, language: str = "en", speed: float = 1.0) -> AudioInfo:
    """Return audio that is as long as it takes to speak a text.

    :param text: the text.
    :param language: ``en`` or ``zh``.
    :param speed: factor on the normal speed.
    :return: the audio.
    """
    seconds = len(text) / _CHARACTERS_A_SECOND[language] / speed
    return AudioInfo(content_hash(f"{language}{speed}{text}"), round(max(_MIN_SPEECH_SECONDS, seconds), 3))


def request_images(validated: ValidatedBody) -> list[ImageInfo]:
    """Return the images of a request, in the order of its fields.

    :param validated: the validated body.
    :return: the images.
    """
    return [medium for medium in validated.media.values() if isinstance(medium, ImageInfo)]
