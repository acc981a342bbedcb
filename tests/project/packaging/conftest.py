# SPDX-License-Identifier: Apache-2.0
"""The distributions as they would be published, and an environment that holds nothing but the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.local_airflow import ROOT, environment
from tests.support.processes import in_one_process

_AIRFLOW = os.environ.get("WHEEL_TEST_AIRFLOW", "apache-airflow>=3.3.2")


# Each process would build an environment of its own.
pytest_collection_modifyitems = in_one_process(Path(__file__).parent, "packaging")


@dataclass(frozen=True)
class Distributions:
    """What ``python -m build`` makes."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Installed:
    """An environment outside the source tree.

    :ivar bin: where its programs are.
    :ivar home: working directory and ``AIRFLOW_HOME`` of what runs in it.
    """

    bin: Path
    home: Path

    def run(self, *command: str | Path, code: int = 0) -> str:
        """Run one of the environment's programs; return what it wrote, errors included.

        :param code: the exit code that is right.
        """
        program, *arguments = command
        variables = environment(self.home) | {"PATH": f"{self.bin}{os.pathsep}{os.defpath}"}
        variables.pop("PYTHONPATH", None)
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.home,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout[-4000:]
        return done.stdout

    def install(self, *packages: str | Path) -> None:
        """Install packages into it."""
        _uv("pip", "install", "--quiet", "--python", self.bin / "python", *packages)


def _uv(*arguments: str | Path) -> None:
    program = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert program, "uv is needed: pip install uv"
    _run([program, *arguments])


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    _run([sys.executable, "-m", "build", "--installer", "uv", "--outdir", folder, ROOT])
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return Distributions(wheel, sdist)


@pytest.fixture(scope="session")
def bare(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel with the dependencies it names, without any extra."""
    folder = tmp_path_factory.mktemp("bare")
    _uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
    home = folder / "home"
    home.mkdir()
    environment_ = Installed(folder / "venv" / "bin", home)
    environment_.install(distributions.wheel, _AIRFLOW)
    return environment_


@pytest.fixture(scope="session")
def complete(
    bare: Installed, distributions: Distributions, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """The same with the extra ``emulator``, in an environment of its own."""
    folder = tmp_path_factory.mktemp("complete")
    _uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
    installed = Installed(folder / "venv" / "bin", bare.home)
    installed.install(f"{distributions.wheel}[emulator]", _AIRFLOW)
    return installed
