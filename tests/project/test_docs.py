# SPDX-License-Identifier: Apache-2.0
"""The documents agree with the files and texts that they name."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import airflow
import pytest

from airflow_provider_kling import exceptions
from airflow_provider_kling.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR, get_provider_info
from airflow_provider_kling.version_compat import AirflowFailException
from scripts.local_airflow import EXAMPLES, ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "changelog.d" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
QUOTED = re.compile(r"`([^`]+)`")


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [(target, mark) for target, mark in LINK.findall(page.read_text()) if "://" not in target]
    for target, mark in links:
        file = (page.parent / target).resolve()
        assert file.exists(), target
        if mark and file.suffix == ".md":
            assert mark[1:] in {anchor(each) for each in HEADING.findall(file.read_text())}, target + mark


LOOK_UP = {"architecture", "compatibility", "faq", "glossary", "support-policy", "what-is-checked"}
"""Pages that are read like a dictionary."""
TASKS_FIRST = {"README"}
"""Pages that open with what a reader may want to do."""


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.is_relative_to(ROOT / "docs") and page.stem not in LOOK_UP | TASKS_FIRST],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_a_page_opens_with_code_and_has_a_table(page: Path) -> None:
    text = page.read_text("utf-8")
    assert "```" in text.partition("\n## ")[0]
    assert re.search(r"^\|", text, re.M)


TABLE = re.compile(r"^(\|.*\|)\n\|[\s:|-]+\|\n", re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_heads_of_tables_begin_with_a_capital_letter(page: Path) -> None:
    heads = [cell.strip() for row in TABLE.findall(page.read_text("utf-8")) for cell in row.split("|")]
    allowed = re.compile(r"$|[^a-z]|v1 ")
    assert [head for head in heads if not allowed.match(head)] == []


def test_each_benchmark_states_its_date() -> None:
    """Figures of different days are on one page, so each section with a table has its own date."""
    sections = re.split(r"^##+ ", (ROOT / "docs" / "benchmarks.md").read_text("utf-8"), flags=re.M)[1:]
    sections += [(ROOT / "docs" / "batch.md").read_text("utf-8").partition("\n## Measured\n")[2]]
    measured = [each for each in sections if re.search(r"^\|", each, re.M)]
    assert len(measured) > 8
    undated = [each.partition("\n")[0] for each in measured if not re.search(r"on 20\d\d-\d\d-\d\d", each)]
    assert undated == []


COMMENTED = re.compile(r"``((?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:py|md|json))``")


def test_files_that_docstrings_name_exist() -> None:
    package = ROOT / "airflow_provider_kling"
    named = [
        (f"{file.relative_to(ROOT)}: {path}", path)
        for folder in (package, ROOT / "scripts", ROOT / "benchmarks", ROOT / "docs")
        for file in folder.rglob("*.py")
        for path in COMMENTED.findall(file.read_text("utf-8"))
        if not path.startswith("airflow/")
    ]
    assert [
        where for where, path in named if not any((root / path).exists() for root in (ROOT, package))
    ] == []


def commands_in_sentences() -> dict[str, list[str]]:
    """Return the words of each command that a sentence or a table names, by the command."""
    texts = (re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S) for page in PAGES)
    found = {text for page in texts for text in QUOTED.findall(page)}
    begins = ("make ", "python -m ", "airflow ")
    return {text: shlex.split(text) for text in sorted(found) if text.startswith(begins)}


AIRFLOW_2_ONLY = "airflow tasks test --dry-run"


def airflow_command(words: list[str]) -> set[str]:
    """Return the options of a command of Airflow, of which the first words may be a group."""
    from airflow.cli import cli_parser

    level: Any = cli_parser.airflow_commands
    command: Any = None
    while words and command is None:
        (found,) = [each for each in level if each.name == words[0]]
        words = words[1:]
        if hasattr(found, "subcommands"):
            level = found.subcommands
        else:
            command = found
    return {flag for argument in command.args for flag in argument.flags}


@pytest.mark.parametrize(("text", "words"), commands_in_sentences().items())
def test_a_command_in_a_sentence_exists(text: str, words: list[str]) -> None:
    """What stands in a block of its own is run by test_snippets.py."""
    if text == AIRFLOW_2_ONLY:
        pytest.skip("this page says that it is a command of Airflow 2")
    options = {word for word in words[2:] if word.startswith("--")}
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.M)
    elif words[0] == "python":
        spec = importlib.util.find_spec(words[2])
        assert spec
        assert spec.origin
        source = Path(spec.origin).read_text("utf-8")
        assert [option for option in options if f'"{option}"' not in source] == []
        parts = [word for word in words[3:] if not word.startswith("-") and not word.isdigit()]
        assert [part for part in parts if f'"{part}"' not in source] == []
    else:
        assert options <= airflow_command(words[1:])


def test_contributors_find_every_target_and_path_that_is_named() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M))
    assert {"test", "lint", "docs"} <= named <= targets
    paths = re.findall(r"[`'](\.?[a-z_]+(?:\.d)?/[\w./]+)[ `']", text)
    assert len(paths) > 8
    made = (".venv/", "build/", "changelog.d/123")
    assert [path for path in paths if not path.startswith(made) and not (ROOT / path).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= {Path(target).name for target, _ in LINK.findall(index)}


def test_every_page_is_on_the_site() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    listed = {
        re.sub(r".*<(.+)>", r"\1", line.strip())
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", index, re.M | re.S)
        for line in block.splitlines()
        if line.strip() and not line.startswith(":")
    }
    pages = {
        str(page.relative_to(ROOT / "docs").with_suffix(""))
        for page in (ROOT / "docs").rglob("*.md")
        if page.relative_to(ROOT / "docs").parts[0] != "reference"
    }
    assert pages - {"README", "index"} <= listed


def test_the_api_reference_has_every_public_module() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "reference").glob("*.rst"))
    named = set(re.findall(r"^\.\. automodule:: (\S+)", pages, re.M))
    info = get_provider_info()
    kinds = ("operators", "sensors", "hooks", "triggers")
    public = {name for kind in kinds for entry in info.get(kind, ()) for name in entry["python-modules"]}
    assert public <= named
    for name in named:
        importlib.import_module(name)


def public_import_paths() -> dict[str, str]:
    """Return the modules that the support policy lists, and the cell with their names."""
    page = (ROOT / "docs" / "support-policy.md").read_text("utf-8")
    table = page.partition("### Public import paths")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {f"airflow_provider_kling.{name}": names for cell, names in rows for name in QUOTED.findall(cell)}


def imports_of(source: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of each import from the package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_provider_kling"):
            yield from ((str(node.module), alias.name) for alias in node.names)


def python_on_pages() -> dict[str, str]:
    """Return the Python of the pages and the example DAGs, by where it stands."""
    examples = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in EXAMPLES.glob("*.py")}
    blocks = {
        f"{page.relative_to(ROOT)}-{number}": block
        for page in PAGES
        for number, block in enumerate(PYTHON.findall(page.read_text("utf-8")))
    }
    return examples | blocks


def test_what_pages_and_examples_import_is_public() -> None:
    paths = public_import_paths()
    found = {each for source in python_on_pages().values() for each in imports_of(source)}
    assert {module for module, _ in found} >= {
        "airflow_provider_kling.budget",
        "airflow_provider_kling.media",
    }
    private = [
        f"{module}.{name}"
        for module, name in sorted(found)
        if module not in paths
        or not (f"`{name}`" in paths[module] or paths[module].startswith(("all", "the")))
    ]
    assert private == []


def test_the_support_policy_and_the_api_reference_list_the_same() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "reference").glob("*.rst"))
    assert set(re.findall(r"^\.\. automodule:: (\S+)", pages, re.M)) == set(public_import_paths())


def test_dags_of_pages_and_examples_do_not_catch_up() -> None:
    """On Airflow 2 a DAG with a schedule otherwise runs, and pays, for each day since its start date."""
    missing = [
        f"{place}:{node.lineno}"
        for place, source in python_on_pages().items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("DAG", "dag")
        if "start_date" in (given := {word.arg for word in node.keywords}) and "catchup" not in given
    ]
    assert missing == []


XCOM_KEYS = {"task_id", "external_task_id", "request"}
"""What job operators push besides ``return_value``."""


def test_words_in_brackets_of_an_output_are_keys_of_xcoms() -> None:
    """Airflow reads ``task.output["word"]`` as the XCom ``word``, not as a part of the return value."""
    keys = {
        (place, ast.literal_eval(node.slice))
        for place, source in python_on_pages().items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute)
        if node.value.attr == "output" and isinstance(node.slice, ast.Constant)
    }
    assert {(place, key) for place, key in keys if key not in XCOM_KEYS} == set()


def test_the_connection_page_names_the_fields_as_the_form_does() -> None:
    page = (ROOT / "docs" / "connection.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([\w ()]+) \| ((?:`extra`: )?`\w+`) \|", page, re.M))
    form = {label: f"`{name}`" for name, label in UI_FIELD_BEHAVIOUR["relabeling"].items()}
    extras = {field["label"]: f"`extra`: `{name}`" for name, field in CONN_FIELDS.items()}
    assert rows == form | extras


AIRFLOWS_OWN = {"The conn_id ... isn't defined", "Sensor has timed out"}
"""Texts of the page that Airflow writes; those that Kling writes are the emulator's, too."""


def troubles() -> list[str]:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    return [text for row in rows for text in QUOTED.findall(row) if not hasattr(exceptions, text)]


def texts_in(*folders: Path) -> Iterator[str]:
    """Yield the strings of programs, with a mark for each value that an f-string puts in; no docstrings."""
    for file in (each for folder in folders for each in folder.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(_shown(part) for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                yield node.value


def _shown(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "..."


@functools.cache
def own_texts() -> str:
    return " ".join("\n".join(texts_in(ROOT / "airflow_provider_kling")).split())


@functools.cache
def texts_of_airflow() -> str:
    folder = Path(airflow.__file__).parent
    return "\n".join(file.read_text("utf-8") for file in folder.rglob("*.py"))


def pieces(text: str) -> list[str]:
    """What must stand in the source: all but what differs from case to case."""
    return [piece for part in text.split("...") if (piece := part.strip(" '`")) not in ("", ":")]


@pytest.mark.parametrize("text", troubles())
def test_troubleshooting_names_texts_that_are_written(text: str) -> None:
    """Users search the page for texts of the log, so each text on it must still exist in the code."""
    assert pieces(text)
    written = texts_of_airflow() if text in AIRFLOWS_OWN else own_texts()
    assert [piece for piece in pieces(text) if piece not in written] == []


def public_exceptions() -> dict[str, type[BaseException]]:
    return {
        name: each
        for name, each in vars(exceptions).items()
        if name.startswith("Kling") and name != "KlingError" and issubclass(each, exceptions.KlingError)
    }


def test_troubleshooting_lists_every_exception_and_whether_airflow_retries_it() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    rows = re.findall(r"^\| `(Kling\w+)` \| .+? \| .+? \| (yes|no) \| .+ \|$", page, re.M)
    final = {name: issubclass(each, AirflowFailException) for name, each in public_exceptions().items()}
    assert dict(rows) == {name: "no" if each else "yes" for name, each in final.items()}


def test_troubleshooting_quotes_what_errors_say_of_the_job() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    quoted = dict(re.findall(r"^\| \*(.+?)\* \| `(\w+)` \|$", page, re.M))
    said = {str(exceptions.KlingError(job=state)): str(state) for state in exceptions.JobState}
    assert quoted == said


def test_troubleshooting_has_rows_enough() -> None:
    assert len(troubles()) > 60
    assert set(troubles()) >= AIRFLOWS_OWN
