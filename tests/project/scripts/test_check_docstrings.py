# SPDX-License-Identifier: Apache-2.0
"""The check of docstrings finds what is missing, and nothing else."""

from __future__ import annotations

import pytest

from scripts.check_docstrings import faults, main, unknown_exceptions

COMPLETE = '''
from dataclasses import dataclass

def read(path, *, _private=None) -> str:
    """Read a file.

    :param path: where it is.
    :return: its text.
    """

def stop() -> None:
    """Stop."""

def _helper(anything) -> int:
    """Count."""

@dataclass
class Point:
    """A point.

    :param x: how far right.
    """

    x: int

    @property
    def double(self) -> int:
        """Twice as far."""
'''


def test_a_complete_module_has_no_faults() -> None:
    assert list(faults(COMPLETE)) == []


@pytest.mark.parametrize(
    ("removed", "found"),
    [
        ("    :param path: where it is.\n", "read: parameter path is not documented"),
        ("    :return: its text.\n", "read: the returned str is not documented"),
        ("    :param x: how far right.\n", "Point: parameter x is not documented"),
    ],
)
def test_what_is_left_out_is_reported_with_its_line(removed: str, found: str) -> None:
    source = COMPLETE.replace(removed, "")
    ((line, text),) = faults(source)
    assert text == found
    assert text.partition(":")[0] in source.splitlines()[line - 1]


def test_a_parameter_that_does_not_exist_is_reported() -> None:
    source = COMPLETE.replace(":param path:", ":param name: of it.\n    :param path:")
    assert [text for _, text in faults(source)] == ["read: there is no parameter name"]


def test_an_exception_that_does_not_exist_is_reported() -> None:
    source = """from http.client import HTTPException

def f():
    '''Do it.

    :raises ValueError: of Python.
    :raises HTTPException: imported.
    :raises KlingError: of the package.
    :raises Closed: renamed long ago.
    '''
"""
    assert list(unknown_exceptions(source, {"KlingError"})) == [(9, "there is no exception Closed")]


def test_an_override_inherits_what_the_base_documents() -> None:
    source = (
        COMPLETE
        + '''
class Base:
    """A source."""

    def read(self, size: int) -> bytes:
        """Read.

        :param size: of a part.
        :return: a part.
        """

class File(Base):
    """A file."""

    def read(self, size: int) -> bytes:
        """Read from the disk."""

    def seek(self, offset: int) -> None:
        """Go elsewhere."""
'''
    )
    assert [text for _, text in faults(source)] == ["File.seek: parameter offset is not documented"]


def test_the_package_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out
