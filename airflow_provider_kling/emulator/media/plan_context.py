# SPDX-License-Identifier: Apache-2.0
"""What a job will make, and what those who plan it need to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..artifacts import ArtifactStore, EditSession
from ..spec.validation import ValidatedBody
from .specs import AudioInfo, ImageInfo, ResultEntry, VideoInfo, content_hash

_CHARACTERS_A_SECOND = {"en": 15.0, "zh": 4.0}
_SHORTEST_SPEECH = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job makes.

    :param items: entries of its result.
    :param seconds: length of what is made, for the price.
    :param count: how many images it makes, which is how many slots it takes; 1 for all else.
    :param parent: the video that the task reports as its parent.
    :param session: a session that begins when the job is made.
    :param failure: why the job fails, for what the vendor finds out only while it works.
    """

    items: tuple[ResultEntry, ...]
    seconds: float = 0.0
    count: int = 1
    parent: VideoInfo | None = None
    session: EditSession | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class PlanContext:
    """Where a job is planned.

    :param task_id: id of the task; ids of what it makes are derived from it.
    :param scale: size of images relative to the real ones.
    :param now: the emulator's time.
    :param artifacts: what earlier calls made.
    """

    task_id: str
    scale: float
    now: float
    artifacts: ArtifactStore


Planner = Callable[[ValidatedBody, PlanContext], Plan]
"""Plans the job of a checked create call.

It may refuse what only a look at earlier calls shows to be wrong.
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
    return AudioInfo(content_hash(f"{language}{speed}{text}"), round(max(_SHORTEST_SPEECH, seconds), 3))


def request_images(validated: ValidatedBody) -> list[ImageInfo]:
    """Return the images of a request, in the order of its fields.

    :param validated: the validated body.
    :return: the images.
    """
    return [medium for medium in validated.media.values() if isinstance(medium, ImageInfo)]
