# SPDX-License-Identifier: Apache-2.0
"""What earlier calls made and later calls may name: videos, sounds, voices, elements, sessions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .clock import Clock
from .lifecycle import Job, Status
from .media_kinds import Clip, Sound
from .recipes import File, Item, SoundRecipe, VideoRecipe
from .refusal import bad_value
from .signing import KEPT_SECONDS

SESSION_SECONDS = 24 * 3600


@dataclass(slots=True)
class Session:
    """Work on one video that takes several calls.

    :param session_id: its id.
    :param clip: the video.
    :param opened_at: in seconds since the epoch.
    :param faces: ids of the faces found, for lip-sync.
    :param marks: points marked, by number of the frame, for multi-elements.
    :param files: files of the session.
    """

    session_id: str
    clip: Clip
    opened_at: float
    faces: tuple[str, ...] = ()
    marks: dict[int, list[dict[str, float]]] = field(default_factory=dict)
    files: tuple[File, ...] = ()


class Made:
    """Looks up what was made.

    :param clock: the emulator's time.
    :param job_of: returns the job with a task id, if any.
    """

    def __init__(self, clock: Clock, job_of: Callable[[str], Job | None]) -> None:
        self._clock = clock
        self._job_of = job_of
        self._numbers = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._sessions: dict[str, Session] = {}
        self._deleted: set[str] = set()

    def video(self, video_id: str) -> Clip:
        """Return a video by its id.

        :raises Refusal: when there is none, or it is more than 30 days old.
        """
        job, item = self._item(video_id[:-1], "videos", video_id)
        file = item.values["url"] if item else None
        if job is None or not isinstance(file, File) or not isinstance(file.recipe, VideoRecipe):
            raise bad_value(f"Video not found by id: {video_id}")
        return Clip(
            file.recipe.picture,
            file.recipe.seconds,
            video_id,
            path=f"/results/{job.task_id}/{file.name}",
            made_at=job.ended_at,
        )

    def sound(self, audio_id: str) -> Sound:
        """Return a sound of text-to-speech by its id.

        :raises Refusal: when there is none, or it is more than 30 days old.
        """
        _, item = self._item(audio_id[:-1], "audios", audio_id)
        file = item.values.get("url") if item else None
        if not isinstance(file, File) or not isinstance(file.recipe, SoundRecipe):
            raise bad_value(f"Audio not found by id: {audio_id}")
        return file.recipe.sound

    def next_session_id(self) -> str:
        """Return the id for a new session."""
        return f"session-{next(self._numbers)}-{round(self._clock.now() * 1000)}"

    def open(self, session: Session) -> None:
        """Keep a session."""
        self._sessions[session.session_id] = session

    def session(self, session_id: str) -> Session:
        """Return a session.

        :raises Refusal: when there is none, or it is more than 24 hours old.
        """
        session = self._sessions.get(session_id)
        if session is None or self._clock.now() > session.opened_at + SESSION_SECONDS:
            raise bad_value(f"Session not found or expired: {session_id}")
        return session

    def session_files(self, session_id: str) -> tuple[File, ...]:
        """Return the files of a session."""
        session = self._sessions.get(session_id)
        return session.files if session else ()

    def delete(self, array: str, ident: str) -> Job:
        """Delete a voice or an element of the account.

        :param array: ``voices`` or ``elements``.
        :raises Refusal: when there is none.
        """
        job, item = self._item(ident, array)
        if job is None or item is None or ident in self._deleted:
            raise bad_value(f"{'Voice' if array == 'voices' else 'Element'} id not found")
        self._deleted.add(ident)
        return job

    def is_library_voice(self, voice_id: str) -> bool:
        """Whether an id names a custom voice, which text-to-speech does not know."""
        return self._item(voice_id, "voices")[1] is not None

    def _item(self, task_id: str, array: str, ident: Any = None) -> tuple[Job | None, Item | None]:
        job, now = self._job_of(task_id), self._clock.now()
        if job is None or job.status(now) is not Status.SUCCEED:
            return None, None
        if array in ("videos", "audios") and now > job.ended_at + KEPT_SECONDS:
            return None, None
        items = [item for item in job.items if item.array == array]
        return job, next((item for item in items if ident in (None, item.values.get("id"))), None)
