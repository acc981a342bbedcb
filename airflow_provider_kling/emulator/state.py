# SPDX-License-Identifier: Apache-2.0
"""Everything one emulator knows, in one place."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

from .account import Account
from .callbacks import Callbacks
from .clock import Clock
from .envelopes import Envelope, Official
from .faults import Faults
from .media_input import MediaLibrary
from .options import Options
from .rendering import Renderer
from .signing import Signer
from .trouble import Trouble
from .views import Views

Requests = Counter[tuple[str, str, int]]
"""Number of requests by method, path template and status; 0 stands for a connection that was cut."""


class State:
    """The parts of one emulator.

    :param options: its settings.
    :param folder: directory for media and rendered files.
    """

    def __init__(self, options: Options, folder: Path) -> None:
        self.options = options
        self.clock = Clock()
        self.faults = Faults(options.faults)
        self.library = MediaLibrary(_made(folder / "media"))
        self.renderer = Renderer(_made(folder / "rendered"))
        self.signer = Signer(options.secret_key, self.clock, options.url_seconds)
        self.account = Account(options, self.clock, self.faults)
        self.views = Views(self.clock, self.signer, self.faults)
        self.callbacks = Callbacks(self.clock, self.views)
        self.envelope: Envelope = Official()
        self.trouble = Trouble(self.faults)
        self.requests: Requests = Counter()
        self._request_numbers = itertools.count(1)

    def reset(self) -> None:
        """Forget jobs, counters, faults and that time was moved; settings stay."""
        self.clock.reset()
        self.account.reset()
        self.views.reset()
        self.faults.clear()
        self.callbacks.reset()
        self.requests.clear()

    def request_id(self) -> str:
        """Return the id of the next request."""
        return f"emulator-{next(self._request_numbers):016d}"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
