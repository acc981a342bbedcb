# SPDX-License-Identifier: Apache-2.0
"""The files that only a code host reads are valid and name what exists."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.check_site import broken_links, outside_loads
from scripts.local_airflow import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
YAML_FILES = [*sorted(GITHUB.rglob("*.yml")), ROOT / ".pre-commit-config.yaml"]
SCHEMAS = [
    *(pytest.param("vendor.github-workflows", file, id=file.name) for file in WORKFLOWS),
    pytest.param("vendor.dependabot", GITHUB / "dependabot.yml", id="dependabot"),
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("file", YAML_FILES, ids=lambda file: file.name)
def test_yaml_can_be_read(file: Path) -> None:
    assert isinstance(yaml.safe_load(file.read_text("utf-8")), dict)


@pytest.mark.skipif(find_spec("check_jsonschema") is None, reason="check-jsonschema is not installed")
@pytest.mark.parametrize(("schema", "file"), SCHEMAS)
def test_it_follows_the_code_hosts_schema(schema: str, file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_run_targets_and_scripts_that_exist(workflow: Path) -> None:
    commands = "\n".join(step.get("run", "") for step in steps(workflow))
    assert set(re.findall(r"\bmake ([a-z-]+)", commands)) <= TARGETS
    for script in re.findall(r"\bscripts/[\w-]+", commands):
        assert (ROOT / script).exists(), script


def test_every_workflow_names_its_rights() -> None:
    for workflow in WORKFLOWS:
        rights = yaml.safe_load(workflow.read_text("utf-8"))["permissions"]
        assert rights == {"contents": "read"}, workflow.name


def test_a_step_that_publishes_holds_no_secret() -> None:
    text = (GITHUB / "workflows" / "release.yml").read_text("utf-8")
    assert "id-token: write" in text
    assert "secrets." not in text


def test_ci_runs_what_must_pass() -> None:
    local = set(re.findall(r"^step make ([a-z-]+)", (ROOT / ".ci" / "run").read_text("utf-8"), re.M))
    commands = "\n".join(step.get("run", "") for step in steps(GITHUB / "workflows" / "ci.yml"))
    assert local <= set(re.findall(r"\bmake ([a-z-]+)", commands))


def test_owned_paths_exist() -> None:
    for line in (GITHUB / "CODEOWNERS").read_text("utf-8").splitlines():
        path, *owners = line.split()
        if path.startswith("/"):
            assert (ROOT / path.strip("/")).exists(), path
        assert path.startswith("#") or owners, line


def test_the_dev_container_can_be_read() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert "make .venv/.develops" in container["postCreateCommand"]


def test_dependencies_have_no_upper_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert [each for each in project["optional-dependencies"]["docs"] if "<" in each or "==" in each] == []


MAKE = """#!/bin/sh
[ "$1" = -C ] && cd "$2"
mkdir -p build/docs && echo "$DOCS_VERSION of $DOCS_VERSIONS" >build/docs/index.html
"""


def test_the_site_has_a_folder_for_each_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script runs in a small repository, where ``make docs`` only writes which version it would build."""
    tree = tmp_path / "tree"
    for name in ("scripts", "docs", "bin"):
        (tree / name).mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "build-site", tree / "scripts")
    (tree / "bin" / "make").write_text(MAKE)
    (tree / "bin" / "make").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tree / 'bin'}:{os.environ['PATH']}")

    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=tree, check=True, capture_output=True)

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "Before there was a site")
    git("tag", "v0.1.0")
    (tree / "docs" / "conf.py").write_text("")
    git("add", "docs")
    git("commit", "--quiet", "--message", "Add the site")
    git("tag", "v0.2.0")
    site = tmp_path / "site"
    done = subprocess.run(
        ["sh", "scripts/build-site", str(site)], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = {page.parent.name: page.read_text().strip() for page in site.glob("*/index.html")}
    assert shown == {name: f"{name} of latest v0.2.0" for name in ("latest", "v0.2.0")}
    assert "latest/index.html" in (site / "index.html").read_text()


def test_broken_links_of_a_site_are_found(tmp_path: Path) -> None:
    links = ("b.html#x", "b.html#y", "c.html", "#z", "../v1/a.html")
    (tmp_path / "a.html").write_text("".join(f'<a href="{link}">' for link in links))
    outside = '<a href="https://example.org/">\n<script src="https://a.example/b.js">'
    (tmp_path / "b.html").write_text(f'<p id="x">{outside}')
    assert broken_links(tmp_path) == ["a.html: #z", "a.html: b.html#y", "a.html: c.html"]
    assert [line[:6] for line in outside_loads(tmp_path)] == ["b.html"]
