# SPDX-License-Identifier: Apache-2.0
"""The wheel holds the package and nothing else, and works where the source tree is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

import airflow_provider_kling
from scripts.local_airflow import ROOT, Program, environment, wait_until
from tests.project.packaging.conftest import Distributions, Installed

pytestmark = pytest.mark.slow
PACKAGE = Path(airflow_provider_kling.__file__).parent
VERSION = airflow_provider_kling.__version__


def source_files() -> set[str]:
    """What the wheel must hold of the package: every file under version control's eye."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "airflow_provider_kling"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def wheel_names(distributions: Distributions) -> set[str]:
    with zipfile.ZipFile(distributions.wheel) as archive:
        return set(archive.namelist())


def test_twine_finds_nothing_to_say(distributions: Distributions) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", distributions.wheel, distributions.sdist],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_the_wheel_is_the_package_and_nothing_else(distributions: Distributions) -> None:
    names = wheel_names(distributions)
    info = {name for name in names if name.startswith(f"airflow_provider_kling-{VERSION}.dist-info/")}
    assert names - info == source_files()
    assert {name.partition("/")[2] for name in info} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


@pytest.mark.parametrize(
    "needed", ["py.typed", "operators/*.pyi", "plugins/static/*.html", "plugins/static/*.js"]
)
def test_what_is_not_python_is_inside_too(distributions: Distributions, needed: str) -> None:
    expected = {f"airflow_provider_kling/{path.relative_to(PACKAGE)}" for path in PACKAGE.glob(needed)}
    assert expected
    assert expected <= wheel_names(distributions)


def test_the_source_distribution_can_be_built_from_and_holds_no_tests(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    package = {name for name in names if name.startswith("airflow_provider_kling/")}
    assert package == source_files()
    assert names - package == {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
    }


def test_its_metadata_says_what_people_search_for(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as archive:
        metadata = HeaderParser().parsestr(
            archive.read(f"airflow_provider_kling-{VERSION}.dist-info/METADATA").decode()
        )
    assert metadata["Name"] == "airflow-provider-kling"
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert {"Framework :: Apache Airflow :: Provider", "Typing :: Typed"} <= set(
        metadata.get_all("Classifier")
    )
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_airflow_discovers_the_provider(bare: Installed) -> None:
    listed = json.loads(bare.run("airflow", "providers", "list", "--output", "json"))
    (entry,) = [each for each in listed if each["package_name"] == "airflow-provider-kling"]
    assert entry["version"] == VERSION
    hooks = json.loads(bare.run("airflow", "providers", "hooks", "--output", "json"))
    (hook,) = [each for each in hooks if each["connection_type"] == "kling"]
    assert hook["hook_name"] == "Kling AI"
    assert hook["class"] == "airflow_provider_kling.hooks.kling.KlingHook"


def test_airflow_loads_the_plugin(bare: Installed) -> None:
    plugins = json.loads(bare.run("airflow", "plugins", "--output", "json"))
    assert "kling" in {plugin["name"] for plugin in plugins}


IMPORT_ALL = """
import importlib, pkgutil, airflow_provider_kling as package
count = 0
for module in pkgutil.walk_packages(package.__path__, "airflow_provider_kling."):
    if {skip!r} and module.name.startswith({skip!r}):
        continue
    importlib.import_module(module.name)
    count += 1
print(package.__file__, count)
"""


def imported(installed: Installed, skip: str) -> int:
    """Import every module there; return how many."""
    file, count = installed.run("python", "-c", IMPORT_ALL.format(skip=skip)).split()[-2:]
    assert Path(file).is_relative_to(installed.bin.parent)
    return int(count)


def test_every_module_imports_without_extras(bare: Installed) -> None:
    skip = "airflow_provider_kling.emulator."
    assert imported(bare, skip) > 50


def test_every_module_imports_with_the_emulator(complete: Installed) -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path.name not in {"__init__.py"}]
    # pytest is for users' tests; the plugin says so itself when it is missing.
    skip = "airflow_provider_kling.emulator.pytest_plugin"
    assert imported(complete, skip) >= len(modules) - 1


IMPORT_TIME = """
import gc, time
begin = time.process_time()
from airflow.providers.common.compat.sdk import DAG, BaseOperator, BaseSensorOperator, conf, task
gc.freeze()
start = time.process_time()
import airflow_provider_kling.operators.video
print("share", (time.process_time() - start) / (start - begin))
"""


def test_a_dag_file_pays_little_for_the_import(bare: Installed) -> None:
    # The budget is 50 ms of an idle processor: about 5 % of Airflow's own import. Machines differ.
    samples = [float(bare.run("python", "-c", IMPORT_TIME).split()[-1]) for _ in range(3)]
    assert min(samples) < 0.12


@pytest.mark.parametrize(
    "command",
    [["kling-emulator"], ["python", "-m", "airflow_provider_kling.emulator"]],
    ids=["script", "module"],
)
def test_without_its_extra_the_emulator_says_what_to_install(bare: Installed, command: list[str]) -> None:
    output = bare.run(*command, "--help", code=1)
    assert re.fullmatch(
        r"The emulator needs the package '\w+', which is not installed. "
        r"Install its extra: pip install 'airflow-provider-kling\[emulator\]'\n",
        output,
    )


@pytest.mark.parametrize(
    "command",
    [["kling-emulator"], ["python", "-m", "airflow_provider_kling.emulator"]],
    ids=["script", "module"],
)
def test_with_its_extra_the_emulator_explains_itself(complete: Installed, command: list[str]) -> None:
    output = complete.run(*command, "--help")
    assert "--speed" in output
    assert "faults:" in output


def test_the_script_serves(complete: Installed, tmp_path: Path) -> None:
    log = tmp_path / "emulator.log"
    script = Program([complete.bin / "kling-emulator", "--port", "0"], environment(complete.home), log)
    try:
        (address,) = wait_until(
            lambda: re.findall(r"^Kling emulator on (http://127\.0\.0\.1:\d+)", log.read_text(), flags=re.M),
            30,
            "the emulator to say where it is",
        )
        with pytest.raises(OSError, match="401"):
            build_opener(ProxyHandler({})).open(f"{address}/v1/videos/text2video", timeout=60)
    finally:
        script.stop()


TYPED = """
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
KlingTextToVideoOperator(task_id="fine", prompt="waves", duration="5")
KlingTextToVideoOperator(task_id="wrong", prompt="waves", durations="5")
"""


def test_type_checkers_see_the_types_of_the_installed_package(complete: Installed) -> None:
    complete.install("mypy")
    file = complete.home / "typed.py"
    file.write_text(TYPED)
    output = complete.run("mypy", "--follow-imports=silent", "--cache-dir", "mypy-cache", "typed.py", code=1)
    errors = [line for line in output.splitlines() if ": error:" in line]
    assert len(errors) == 1, output
    assert errors[0].startswith("typed.py:4:")
    assert '"durations"' in errors[0]
