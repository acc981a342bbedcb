# SPDX-License-Identifier: Apache-2.0
"""The interface to which a reader of many jobs reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..api.task import KlingTask
from ..exceptions import KlingError


class PollFailed(Exception):
    """The server cannot be polled at the moment.

    :param error: what it said.
    """

    def __init__(self, error: KlingError) -> None:
        super().__init__(str(error))
        self.retry_after = error.retry_after


class ResultSink(Protocol):
    """Receives what a reader has read."""

    def on_list_row(self, ident: str, word: str, row: Mapping[str, Any]) -> bool:
        """Handle a job's row of a list.

        :param ident: id that the job is polled by.
        :param word: its status as the API writes it.
        :param row: the row, not yet parsed.
        :return: whether a subscription gets it.
        """

    def on_task(self, ident: str, task: KlingTask) -> None:
        """Handle a job that was read by itself.

        :param ident: id that the job is polled by.
        :param task: the job.
        """

    def on_failure(self, ident: str, error: KlingError) -> None:
        """Handle a job that cannot be read, while others can.

        :param ident: id that the job is polled by.
        :param error: why.
        """

    def on_under_way(self, ident: str) -> None:
        """Record that the job's state, or an :meth:`on_failure`, is reported later.

        :param ident: id that the job is polled by.
        """

    def on_put_off(self, ident: str) -> None:
        """Record that a job is not read in this round.

        :param ident: id that the job is polled by.
        """
