# SPDX-License-Identifier: Apache-2.0
"""Which process of pytest-xdist runs what."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

COSTLY = frozenset({"api_server", "s3_server", "worker_processes"})
"""Fixtures that take seconds to start: one process of pytest-xdist runs all tests that use such a one."""

USES_S3 = pytest.mark.xdist_group("s3_server")
"""For parameters of fixtures that ask for ``s3`` by its name, which pytest sees too late."""


def in_one_process(
    folder: Path, name: str, *marks: pytest.MarkDecorator
) -> Callable[[list[pytest.Item]], None]:
    """Make a folder's ``pytest_collection_modifyitems``: one process runs all of its tests.

    :param folder: where the tests are.
    :param name: what the process is called; tests of several folders may share one.
    :param marks: more marks for the tests.
    """

    @pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
    def mark(items: list[pytest.Item]) -> None:
        is_here = cache(lambda path: path.is_relative_to(folder))
        for item in items:
            if is_here(item.path):
                for each in (*marks, pytest.mark.xdist_group(name)):
                    item.add_marker(each)

    return mark
