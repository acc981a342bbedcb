# SPDX-License-Identifier: Apache-2.0
"""Texts without a template are not compiled, whatever the DAG's templates look like."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from airflow.providers.common.compat.sdk import DAG
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.operators._templates import is_literal
from airflow_provider_kling.operators.video import KlingTextToVideoOperator

USUAL = DAG("films").get_template_env()
ENVIRONMENTS = {
    "usual": USUAL,
    "other marks": DAG(
        "films", jinja_environment_kwargs={"variable_start_string": "[[", "variable_end_string": "]]"}
    ).get_template_env(),
    "line statements": DAG(
        "films", jinja_environment_kwargs={"line_statement_prefix": "#", "line_comment_prefix": "//"}
    ).get_template_env(),
    "last line end": DAG(
        "films", jinja_environment_kwargs={"keep_trailing_newline": True, "newline_sequence": "\r\n"}
    ).get_template_env(),
}
PARTS = [
    "{",
    "}",
    "{{",
    "}}",
    "[[",
    "]]",
    "{%",
    "%}",
    "{#",
    "#}",
    "#",
    "//",
    "\n",
    "\r",
    " ",
    "x",
    "'x'",
    "é",
]


@given(st.lists(st.sampled_from(PARTS), max_size=8).map("".join), st.sampled_from(sorted(ENVIRONMENTS)))
def test_a_literal_text_renders_to_itself(text: str, name: str) -> None:
    environment = ENVIRONMENTS[name]
    if is_literal(text, environment):
        assert environment.from_string(text).render({"x": "y"}) == text


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("a boat", USUAL, True),
        ("a {boat} of 5 %", USUAL, True),
        ("a {{ boat }}", USUAL, False),
        ("a boat\n", USUAL, False),
        ("a [[ boat ]]", USUAL, True),
        ("a [[ boat ]]", ENVIRONMENTS["other marks"], False),
        ("5", DAG("films", render_template_as_native_obj=True).get_template_env(), False),
        ("a boat", jinja2.Environment(autoescape=True, extensions=["jinja2.ext.i18n"]), False),
        (5, USUAL, False),
        (None, USUAL, False),
    ],
)
def test_what_is_a_literal_text(text: Any, environment: jinja2.Environment, expected: bool) -> None:
    assert is_literal(text, environment) is expected


def test_a_task_compiles_only_its_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    from_string = jinja2.Environment.from_string

    def counted(self: Any, source: Any, *rest: Any, **more: Any) -> Any:
        compiled.append(source)
        return from_string(self, source, *rest, **more)

    monkeypatch.setattr(jinja2.Environment, "from_string", counted)
    operator = KlingTextToVideoOperator(task_id="film", prompt="a boat in {{ params.town }}", duration="5")
    operator.render_template_fields({"params": {"town": "Bergen"}})
    assert (operator.prompt, operator.duration) == ("a boat in Bergen", "5")
    assert compiled == ["a boat in {{ params.town }}"]


def test_the_name_of_a_file_is_rendered(tmp_path: Any) -> None:
    class FromFile(KlingTextToVideoOperator):
        template_ext = (".txt",)

    (tmp_path / "prompt.txt").write_text("a boat in {{ params.town }}")
    with DAG("films", template_searchpath=str(tmp_path)):
        operator = FromFile(task_id="film", prompt="prompt.txt")
    operator.render_template_fields({"params": {"town": "Bergen"}})
    assert operator.prompt == "a boat in Bergen"
