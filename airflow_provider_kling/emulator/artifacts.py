# SPDX-License-Identifier: Apache-2.0
"""What requests may refer to: results of earlier jobs, sessions, and the presets of every account."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .clock import Clock
from .errors import invalid_value
from .media.specs import (
    AudioInfo,
    AudioSpec,
    ImageInfo,
    ImageSpec,
    OutputFile,
    ResultEntry,
    VideoInfo,
    VideoSpec,
    content_hash,
)
from .signing import RESULT_TTL
from .task import EmulatedTask, Status

SESSION_SECONDS = 24 * 3600
PRESET_OWNER_ID = "kling"
PRESETS = "presets"
"""Owner of their files, in the place of the task id in URLs."""

_VOICES = {
    "829824295735410756": "Calm narrator",
    "829826751244537879": "Bright host",
    "829826751244537880": "Old sailor",
}
_ELEMENTS = {160: "Red fox", 161: "Robot cook", 162: "Paper lantern"}


def _voice(voice_id: str, name: str) -> ResultEntry:
    trial = OutputFile(f"{voice_id}.mp3", AudioSpec(AudioInfo(content_hash(voice_id), 5.0)))
    values = {"voice_id": voice_id, "voice_name": name, "trial_url": trial, "owned_by": PRESET_OWNER_ID}
    return ResultEntry("voices", values)


def _element(element_id: int, name: str) -> ResultEntry:
    image = ImageInfo(content_hash(name), 720, 720)
    values: Mapping[str, Any] = {
        "element_id": element_id,
        "element_name": name,
        "element_description": f"{name}, a preset element",
        "reference_type": "image_refer",
        "element_image_list": {
            "frontal_image": OutputFile(f"{element_id}.png", ImageSpec(image, 512, 512)),
            "refer_images": [],
        },
        "element_video_list": {"refer_videos": []},
        "element_voice_info": {},
        "tag_list": [],
        "owned_by": PRESET_OWNER_ID,
        "status": "succeed",
    }
    return ResultEntry("elements", values)


VOICES = tuple(_voice(voice_id, name) for voice_id, name in _VOICES.items())
ELEMENTS = tuple(_element(element_id, name) for element_id, name in _ELEMENTS.items())
PRESET_VOICE_IDS = frozenset(_VOICES)


@dataclass(slots=True)
class EditSession:
    """A session in which several requests work on one video.

    :param session_id: its id.
    :param video: the video.
    :param opened_at: in seconds since the epoch.
    :param faces: ids of the detected faces, for lip-sync.
    :param marks: points marked, by number of the frame, for multi-elements.
    :param files: files of the session.
    """

    session_id: str
    video: VideoInfo
    opened_at: float
    faces: tuple[str, ...] = ()
    marks: dict[int, list[dict[str, float]]] = field(default_factory=dict)
    files: tuple[OutputFile, ...] = ()


class ArtifactStore:
    """Finds results and sessions.

    :param clock: the emulator's time.
    :param job_of: returns the job with a task id, if any.
    """

    def __init__(self, clock: Clock, job_of: Callable[[str], EmulatedTask | None]) -> None:
        self._clock = clock
        self._job_of = job_of
        self._numbers = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        """Forget sessions and deletions."""
        self._sessions: dict[str, EditSession] = {}
        self._deleted: set[str] = set()

    def video(self, video_id: str) -> VideoInfo:
        """Return a video by its id.

        :param video_id: the id.
        :return: the video.
        :raises ApiErrorResponse: there is none, or it is more than 30 days old.
        """
        job, item = self._find(video_id[:-1], "videos", video_id)
        file = item.values["url"] if item else None
        if job is None or not isinstance(file, OutputFile) or not isinstance(file.spec, VideoSpec):
            raise invalid_value(f"Video not found by id: {video_id}")
        return VideoInfo(
            file.spec.image,
            file.spec.seconds,
            video_id,
            path=f"/results/{job.task_id}/{file.name}",
            created_at=job.ended_at,
        )

    def audio(self, audio_id: str) -> AudioInfo:
        """Return an audio file of text-to-speech by its id.

        :param audio_id: the id.
        :return: the audio file.
        :raises ApiErrorResponse: there is none, or it is more than 30 days old.
        """
        _, item = self._find(audio_id[:-1], "audios", audio_id)
        file = item.values.get("url") if item else None
        if not isinstance(file, OutputFile) or not isinstance(file.spec, AudioSpec):
            raise invalid_value(f"Audio not found by id: {audio_id}")
        return file.spec.audio

    def next_session_id(self) -> str:
        """Return the id of the next session.

        :return: the id.
        """
        return f"session-{next(self._numbers)}-{round(self._clock.now() * 1000)}"

    def open(self, session: EditSession) -> None:
        """Open a session.

        :param session: the session.
        """
        self._sessions[session.session_id] = session

    def session(self, session_id: str) -> EditSession:
        """Return a session by its id.

        :param session_id: the id.
        :return: the session.
        :raises ApiErrorResponse: there is none, or it is more than 24 hours old.
        """
        session = self._sessions.get(session_id)
        if session is None or self._clock.now() > session.opened_at + SESSION_SECONDS:
            raise invalid_value(f"Session not found or expired: {session_id}")
        return session

    def session_files(self, session_id: str) -> tuple[OutputFile, ...]:
        """Return the files of a session.

        :param session_id: the id.
        :return: the files; none for an unknown session.
        """
        session = self._sessions.get(session_id)
        return session.files if session else ()

    def delete(self, array: str, ident: str) -> EmulatedTask:
        """Delete a voice or an element of the account.

        :param array: ``voices`` or ``elements``.
        :param ident: its id.
        :return: the job that made it.
        :raises ApiErrorResponse: there is none.
        """
        job, item = self._find(ident, array)
        if job is None or item is None or ident in self._deleted:
            raise invalid_value(f"{'Voice' if array == 'voices' else 'Element'} id not found")
        self._deleted.add(ident)
        return job

    def is_library_voice(self, voice_id: str) -> bool:
        """Return whether an id is that of a custom voice, which text-to-speech does not accept.

        :param voice_id: the id.
        :return: ``True`` for a custom voice.
        """
        return self._find(voice_id, "voices")[1] is not None

    def _find(
        self, task_id: str, array: str, ident: Any = None
    ) -> tuple[EmulatedTask | None, ResultEntry | None]:
        job, now = self._job_of(task_id), self._clock.now()
        if job is None or job.status(now) is not Status.SUCCEED:
            return None, None
        if array in ("videos", "audios") and now > job.ended_at + RESULT_TTL:
            return None, None
        items = [item for item in job.items if item.array == array]
        return job, next((item for item in items if ident in (None, item.values.get("id"))), None)
