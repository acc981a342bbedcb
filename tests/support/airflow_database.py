# SPDX-License-Identifier: Apache-2.0
"""A migrated Airflow database, made once and copied by all who need one."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from scripts.local_airflow import ROOT, environment

_CACHE = ROOT / ".work" / "test-databases"


def copy_database(to: Path) -> None:
    """Put an empty, migrated SQLite database at a path.

    Migrating takes five seconds, so the result is cached for each version of Airflow.
    """
    template = _CACHE / f"airflow-{version('apache-airflow')}.db"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            _migrate(template)
    shutil.copyfile(template, to)


def _migrate(template: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="kling-migrate-") as folder:
        home = Path(folder)
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=environment(home),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"airflow db migrate failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        # Other test processes must never see half a file.
        shutil.copyfile(home / "airflow.db", template.with_suffix(".new"))
        template.with_suffix(".new").rename(template)
