# SPDX-License-Identifier: Apache-2.0
"""The matrix of Airflow releases counts only suites that ran to their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import test_matrix as matrix
from scripts.release_environment import RELEASES

CASES = '<testcase name="a"/><testcase name="b">{}</testcase>'
REPORT = f"<testsuites><testsuite>{CASES}</testsuite></testsuites>"
PROGRAM = """\
#!/bin/sh
for option; do
    case "$option" in --junitxml=*) echo '{report}' > "${{option#--junitxml=}}";; esac
done
echo "the last words"
exit {code}
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the matrix has its reports."""
    monkeypatch.setattr(matrix, "WORK", tmp_path)
    return tmp_path


def pytest_that_ends(work: Path, code: int, report: str) -> Path:
    program = work / "python"
    program.write_text(PROGRAM.format(code=code, report=report))
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("code", "case", "expected"),
    [
        pytest.param(0, "", {"passed": 2, "failed": 0, "skipped": 0}, id="all passed"),
        pytest.param(0, "<skipped/>", {"passed": 1, "failed": 0, "skipped": 1}, id="one skipped"),
        pytest.param(1, "<failure/>", {"passed": 1, "failed": 1, "skipped": 0}, id="one failed"),
    ],
)
def test_a_whole_suite_is_counted(work: Path, code: int, case: str, expected: dict[str, int]) -> None:
    python = pytest_that_ends(work, code, REPORT.format(case))
    row = matrix.run_suite(python, "unit", ["tests"], RELEASES[0], "1")
    assert expected.items() <= row.items()


@pytest.mark.parametrize("code", [2, 3, 4, 5, -9])
def test_an_interrupted_suite_is_not_taken_for_a_green_one(work: Path, code: int) -> None:
    python = pytest_that_ends(work, code % 256, REPORT.format(""))
    with pytest.raises(RuntimeError, match="before all tests had run:\nthe last words"):
        matrix.run_suite(python, "unit", ["tests"], RELEASES[0], "1")
