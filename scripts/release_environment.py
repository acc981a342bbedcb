# SPDX-License-Identifier: Apache-2.0
"""Environments as users have them: a release of Airflow with its own libraries, then this package's wheel.

Airflow publishes the libraries of each release as a constraints file. Where that cannot be downloaded, the
newest libraries of the day on which the release appeared are taken: the file was made of these.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from scripts.local_airflow import ROOT

_CONSTRAINTS = (
    "https://raw.githubusercontent.com/apache/airflow/constraints-{airflow}/constraints-{python}.txt"
)


@dataclass(frozen=True)
class Release:
    """A release of Airflow on a version of Python.

    :param airflow: version of Airflow.
    :param python: version of Python, ``major.minor``.
    :param released: day on which it appeared.
    :param others: packages of the same release that a pre-release must name.
    :param may_fail: whether failures of its tests are no failure of the matrix.
    """

    airflow: str
    python: str
    released: str
    others: tuple[str, ...] = ()
    may_fail: bool = False

    @property
    def name(self) -> str:
        """Name of its files and folders."""
        return f"airflow-{self.airflow}-python-{self.python}"


RELEASES = (
    Release("2.11.2", "3.11", "2026-03-14"),
    Release("3.0.6", "3.11", "2025-08-29"),
    Release("3.1.8", "3.11", "2026-03-11"),
    Release("3.2.2", "3.11", "2026-05-29"),
    Release("3.3.2", "3.11", "2026-09-17"),
    Release("3.3.2", "3.12", "2026-09-17"),
    Release("3.3.2", "3.13", "2026-09-17"),
    # Not on every machine.
    Release("3.3.2", "3.14", "2026-09-17", may_fail=True),
    Release(
        "3.4.0b2",
        "3.11",
        "2026-10-20",
        others=("apache-airflow-core==3.4.0b2", "apache-airflow-task-sdk==1.4.0b2"),
        may_fail=True,
    ),
)


@dataclass(frozen=True)
class Pins:
    """The libraries of a release.

    :param file: requirements file with one version of each.
    :param source: where they are from, for people.
    """

    file: Path
    source: str


def find_python(version: str) -> str | None:
    """Return a Python that is on this machine, uv's own and pyenv's included.

    :param version: ``major.minor``.
    :return: path of the interpreter; ``None`` if there is none.
    """
    asked = subprocess.run(
        [find_uv(), "python", "find", "--no-python-downloads", "--system", version],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode == 0:
        return asked.stdout.strip()
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    return str(found[-1]) if found else None


def install_release(release: Release, interpreter: str, folder: Path, extras: Sequence[str] = ()) -> Pins:
    """Make an environment with a release of Airflow and the libraries that its constraints pin.

    :param release: the release.
    :param interpreter: Python to make the environment of.
    :param folder: the environment; what was there is removed.
    :param extras: extras of Airflow.
    :return: the pinned libraries; what is installed later must not change them.
    """
    run([find_uv(), "venv", "--quiet", "--clear", "--python", interpreter, folder])
    file = folder / "constraints.txt"
    published = _download(release, file)
    limits = ["--constraint", file] if published else ["--exclude-newer", release.released]
    named = f"[{','.join(extras)}]" if extras else ""
    wanted = [f"apache-airflow{named}=={release.airflow}", *release.others]
    run([find_uv(), "pip", "install", "--quiet", "--python", python_of(folder), *limits, *wanted])
    if published:
        return Pins(file, "its constraints file")
    file.write_text(run([find_uv(), "pip", "freeze", "--python", python_of(folder)]))
    return Pins(file, f"as of {release.released}")


def _download(release: Release, file: Path) -> bool:
    url = _CONSTRAINTS.format(airflow=release.airflow, python=release.python)
    with suppress(URLError, OSError), urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
        file.write_bytes(answer.read())
        return True
    return False


def build_wheel(folder: Path) -> Path:
    """Build this package.

    :param folder: where the wheel goes; older ones there are removed.
    :return: the wheel.
    """
    shutil.rmtree(folder, ignore_errors=True)
    run([find_uv(), "build", "--quiet", "--wheel", "--out-dir", folder, ROOT])
    (wheel,) = folder.glob("*.whl")
    return wheel


def install_wheel(
    folder: Path, pins: Pins, wheel: Path, extras: Sequence[str] = (), others: Sequence[str] = ()
) -> None:
    """Install this package under the pins of a release, as users are told to.

    :param folder: environment of :func:`install_release`.
    :param pins: what it returned.
    :param wheel: the package.
    :param extras: extras of the package.
    :param others: further packages.
    :raises RuntimeError: there is no solution, or a pinned library was changed.
    """
    before = versions(folder)
    named = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    install: list[str | Path] = [find_uv(), "pip", "install", "--quiet", "--python", python_of(folder)]
    run([*install, "--constraint", pins.file, named, *others])
    after = versions(folder)
    changed = {name: after.get(name) for name, version in before.items() if after.get(name) != version}
    if changed:
        raise RuntimeError(f"installing the wheel changed libraries of the release: {changed}")


def versions(folder: Path) -> dict[str, str]:
    """Return the versions of all packages of an environment.

    :param folder: the environment.
    :return: version by name.
    """
    lines = run([find_uv(), "pip", "freeze", "--python", python_of(folder)]).splitlines()
    pairs = (line.partition("==") for line in lines if "==" in line)
    return {name: version for name, _, version in pairs}


def python_of(folder: Path) -> Path:
    """Return the interpreter of an environment.

    :param folder: the environment.
    """
    return folder / "bin" / "python"


def find_uv() -> str:
    """Return the path of uv.

    :raises RuntimeError: it is not installed.
    """
    found = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise RuntimeError("uv is needed: pip install uv")
    return found


def run(command: Sequence[str | Path]) -> str:
    """Run a program and return its output.

    :param command: program and arguments.
    :return: what it wrote.
    :raises RuntimeError: it failed; the text holds its last lines.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stderr[-3000:]}")
    return done.stdout
