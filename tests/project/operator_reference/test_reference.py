# SPDX-License-Identifier: Apache-2.0
"""The pages of the reference are what the declarations say."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.host_limits import LIMITS
from airflow_provider_kling.api.requests.field_types import Image, video
from airflow_provider_kling.get_provider_info import get_provider_info
from airflow_provider_kling.operators.account import KlingAccountOperator
from scripts.examples import excerpt
from scripts.generate_reference import BY_SIGNATURE, FAMILIES, MARK, PAGES, _shown, operators, pages
from scripts.generate_stubs import write
from scripts.local_airflow import ROOT
from scripts.readme_tables import README, with_table
from scripts.reference_fields import Row, rows

REFERENCE = [path for path in pages() if path != README]


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_it_is_fresh(path: Path) -> None:
    assert path.read_text("utf-8") == pages()[path], "stale: run `make reference`"


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.name)
def test_it_begins_with_words(path: Path) -> None:
    before, mark, _ = path.read_text("utf-8").partition(MARK)
    assert mark
    assert before.startswith("# ")
    assert len(before.split()) > 20


def test_every_endpoint_and_every_operator_is_there() -> None:
    overview = (PAGES / "README.md").read_text("utf-8")
    for slug in ENDPOINTS:
        assert f"| `{slug}` |" in overview
    for family in FAMILIES:
        page = (PAGES / f"{family}.md").read_text("utf-8")
        for operator in operators(family):
            assert f"\n## {operator.__name__}\n" in page
            for name in operator.endpoint.request.model_fields:
                assert f"| `{name}` |" in page


def test_every_operator_links_an_example_that_uses_it() -> None:
    missing = []
    for path, text in pages().items():
        for name, section in re.findall(r"^##+ (Kling\w+)$(.*?)(?=^##|\Z)", text, re.M | re.S):
            part = excerpt(name)
            if part is None or f"[{part.file.name}](" not in section:
                missing.append(f"{path.name}: {name}")
            else:
                shown = part.file.read_text("utf-8").splitlines()[part.first - 1 : part.last]
                assert re.search(rf"\b{name}\b", "\n".join(shown))
    assert missing == []


def test_every_parameter_of_the_other_operators_is_there() -> None:
    pages = {ROOT / "docs" / f"{page}.md": shown for page, shown in BY_SIGNATURE.items()}
    for path, shown in {**pages, PAGES / "account.md": (KlingAccountOperator,)}.items():
        text = path.read_text("utf-8")
        for operator in shown:
            section = text.rpartition(f"\n### {operator.__name__}\n")[2].partition("\n### ")[0]
            names = [name for name in inspect.signature(operator).parameters if name != "kwargs"]
            assert len(names) > 3
            assert all(f"| `{name}` |" in section for name in names), operator
            assert all(name in names for name in operator.template_fields), operator


def test_no_operator_or_sensor_is_without_a_table() -> None:
    info = get_provider_info()
    modules = [name for kind in ("operators", "sensors") for name in info[kind][0]["python-modules"]]
    offered = {
        name
        for module in map(importlib.import_module, modules)
        for name in vars(module)
        if re.fullmatch("Kling(?!Call|Task).*(Operator|Sensor)", name)
    }
    text = "".join(path.read_text("utf-8").partition(MARK)[2] for path in REFERENCE)
    headed = set(re.findall(r"^##+ (Kling\w+)$", text, re.MULTILINE))
    assert offered <= headed | {"KlingAccountOperator"}
    assert {"KlingBatchOperator", "KlingTaskSensor"} <= headed


def test_every_rule_is_documented() -> None:
    text = "".join((PAGES / f"{family}.md").read_text("utf-8") for family in FAMILIES)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("\\|", "|")
    for endpoint in ENDPOINTS.values():
        for rule in (*endpoint.request.rules, *endpoint.request.warning_rules):
            assert f"* {rule.text}\n" in text + "\n"
    for limit in LIMITS:
        assert f"{limit.rule.text} ({limit.source};" in text


@pytest.mark.parametrize("path", [*REFERENCE, ROOT / "docs" / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        page = (path.parent / target).resolve() if target else path
        assert page.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}


class Inner(BaseModel):
    words: Annotated[str, Field(min_length=1, max_length=2500)] = Field(description="What is said.")
    kind: Literal["1", "2", "3", "4", "5"] | None = Field(None, description="Which.")


class Outer(BaseModel):
    image: Image | None = Field(None, description="First frame.")
    film: Annotated[str, video(3, 10, megabytes=7)] = Field(description="A film.")
    share: Annotated[float, Field(ge=0, le=1)] | None = Field(0.5, description="How much.")
    big: Annotated[int, Field(ge=0, lt=2**31)] = Field(description="A number.")
    inner: Annotated[list[Inner], Field(max_length=3)] | None = Field(None, description="Parts.")
    one: Annotated[list[str], Field(min_length=2, max_length=2)] = Field(description="Two words.")
    amount: Annotated[int, Field(ge=2, le=9)] | Literal["auto"] = Field("auto", description="How many.")


def test_fields_become_rows() -> None:
    required = "**required**"
    assert list(rows(Outer)) == [
        Row("image", "[image](README.md#images)", "First frame.", ""),
        Row(
            "film",
            "video; URL, or storage that can sign URLs; mp4, mov; at most 7 MB; 3 to 10 s",
            "A film.",
            required,
        ),
        Row("share", "`float`, 0 to 1", "How much.", "`0.5`"),
        Row("big", "`int`", "A number.", required),
        Row("inner", "list of at most 3 objects", "Parts.", ""),
        Row("inner[].words", "`str`, at most 2,500 characters", "What is said.", required),
        Row("inner[].kind", "`1` to `5`", "Which.", ""),
        Row("one", "list of 2 `str`", "Two words.", required),
        Row("amount", "`int`, 2 to 9, `auto`", "How many.", "`auto`"),
    ]


def test_what_is_stale_is_named_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / ".work" / "reference-test.md"
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        assert write(lambda: {path: "text"}, ["--check"]) == 1
        assert ".work/reference-test.md is stale: run `make reference`" in capsys.readouterr().err
        assert not path.exists()
        assert write(lambda: {path: "text"}, []) == 0
        assert path.read_text("utf-8") == "text"
        assert write(lambda: {path: "text"}, ["--check"]) == 0
    finally:
        path.unlink(missing_ok=True)


def test_a_table_is_put_between_its_marks_and_nowhere_else() -> None:
    page = "before\n<!-- a begins -->\nold\n<!-- a ends -->\n<!-- b begins -->\n<!-- b ends -->\n"
    made = with_table(page, "a", "| \\1 |\n")
    assert made == "before\n<!-- a begins -->\n| \\1 |\n<!-- a ends -->\n<!-- b begins -->\n<!-- b ends -->\n"
    with pytest.raises(ValueError, match="c begins"):
        with_table(page, "c", "")


@pytest.mark.parametrize(
    ("default", "shown"),
    [("", '`""`'), (None, ""), (0, "`0`"), ((), "`()`"), (False, "`False`"), ("run", "`run`")],
    ids=["empty_text", "none", "zero", "empty_tuple", "false", "text"],
)
def test_a_default_is_shown_as_code(default: object, shown: str) -> None:
    assert _shown("take", default) == shown


def test_no_cell_has_an_unclosed_backtick() -> None:
    for path, text in pages().items():
        cells = [cell for line in text.splitlines() if line.startswith("|") for cell in line.split(" | ")]
        assert [cell for cell in cells if cell.count("`") % 2] == [], path
