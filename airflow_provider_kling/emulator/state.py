# SPDX-License-Identifier: Apache-2.0
"""The state of one emulator."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .account import Account
from .artifacts import ELEMENTS, PRESETS, VOICES
from .callbacks import Callbacks
from .clock import Clock
from .envelopes import ENVELOPES
from .faults import FaultInjector, Faults
from .media.inputs import MediaStore
from .media.render import RenderCache
from .media.specs import OutputFile
from .options import Options
from .responses import TaskSerializer
from .signing import UrlSigner
from .spec.validation import ValidationContext

Requests = Counter[tuple[str, str, int]]
"""Number of requests by method, path template and status; 0 stands for a connection that was cut."""


class EmulatorState:
    """The parts of one emulator.

    :param options: its settings.
    :param folder: directory for media and rendered files.
    """

    def __init__(self, options: Options, folder: Path) -> None:
        self.options = options
        self.clock = Clock()
        self.faults = Faults(options.faults)
        self.renderer = RenderCache(_mkdir(folder / "rendered"))
        self.signer = UrlSigner(options.secret_key, self.clock, options.url_seconds)
        self.account = Account(options, self.clock, self.faults)
        self.validation = ValidationContext(
            options, MediaStore(_mkdir(folder / "media"), options.scale), self.account.artifacts
        )
        self.serializer = TaskSerializer(self.clock, self.signer, self.faults)
        self.callbacks = Callbacks(self.clock, self.serializer, options.webhook_secret)
        self.envelope = ENVELOPES[options.dialect]
        self.fault_injector = FaultInjector(self.faults)
        self.requests: Requests = Counter()
        self.opened_at = self.clock.now()
        self._costs_queried_at = 0.0
        self._request_numbers = itertools.count(1)

    def reset(self) -> None:
        """Reset jobs, counters, faults and time; settings stay."""
        self.clock.reset()
        self.account.reset()
        self.serializer.reset()
        self.faults.clear()
        self.callbacks.reset()
        self.requests.clear()

    def files(self, owner: str) -> Iterator[OutputFile]:
        """Return the result files whose URLs have ``owner`` in the place of the task id.

        :param owner: task id, session id or the name of the presets.
        :return: the files.
        """
        job = self.account.by_task_id(owner)
        items = VOICES + ELEMENTS if owner == PRESETS else job.items if job else ()
        for item in items:
            yield from item.files()
        yield from self.account.artifacts.session_files(owner)

    def costs_queried_too_soon(self) -> bool:
        """Record a query of the account.

        :return: ``True`` if the last one is less than a second ago.
        """
        earlier, self._costs_queried_at = self._costs_queried_at, self.clock.now()
        return self._costs_queried_at - earlier < 1

    def request_id(self) -> str:
        """Return the id of the next request.

        :return: the id.
        """
        return f"emulator-{next(self._request_numbers):016d}"


def _mkdir(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
