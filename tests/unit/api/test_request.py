# SPDX-License-Identifier: Apache-2.0
"""Rules of all request bodies, and how their errors are reported to a DAG author."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from airflow_provider_kling.api.requests.base import KlingObject, KlingRequest
from airflow_provider_kling.api.requests.field_types import ElementId, Id
from airflow_provider_kling.api.requests.rules import TEMPLATED, Rule, at_least_one, custom_rule
from airflow_provider_kling.api.requests.video import TextToVideo
from airflow_provider_kling.api.validation_errors import format_validation_error


class Part(KlingObject):
    """A part of the sample."""

    name: str
    size: float | None = None


class Sample(KlingRequest):
    """A request that has one of everything."""

    title: Annotated[str, Field(max_length=200)] | None = None
    mode: Literal["std", "pro"] | None = None
    scale: Annotated[float, Field(ge=0, le=1)] | None = None
    flag: bool | None = None
    parts: Annotated[list[Part], Field(max_length=2)] | None = None
    needed: str | None = "default"

    rules: ClassVar[tuple[Rule, ...]] = (
        at_least_one("title", "parts"),
        custom_rule(
            "mode",
            "scale",
            text="mode pro takes no {scale}",
            violated=lambda it: it.mode == "pro" and it.scale,
        ),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        custom_rule("flag", text="flag has no effect", violated=lambda it: it.flag is not None),
    )


class Strict(KlingRequest):
    """A request with a field that must be given."""

    text: Annotated[str, Field(min_length=1)]


def fault(model: type[KlingRequest] = Sample, **fields: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(fields)
    return format_validation_error("some/endpoint", refused.value)


def test_the_wire_leaves_out_what_is_unset_or_empty_at_any_depth() -> None:
    sample = Sample(title="", parts=[Part(name="a", size=None)], flag=False, scale=0)
    assert sample.wire() == {"parts": [{"name": "a"}], "flag": False, "scale": 0.0, "needed": "default"}


@pytest.mark.parametrize("empty", ["", [], {}, None])
def test_an_empty_value_counts_as_unset_and_takes_the_default(empty: object) -> None:
    sample = Sample.model_validate({"title": "x", "needed": empty, "mode": empty, "parts": empty})
    assert sample.wire() == {"title": "x", "needed": "default"}
    assert sample.mode is None
    assert sample.parts is None


@pytest.mark.parametrize("empty", ["", [], {}, None])
def test_an_empty_value_of_a_field_that_is_not_there_is_left_out(empty: object) -> None:
    body = {"title": "x", "unread": empty, "parts": [{"name": "a", "unread": empty}]}
    assert Sample.model_validate(body).wire() == {
        "title": "x",
        "parts": [{"name": "a"}],
        "needed": "default",
    }


def test_a_required_field_that_is_empty_is_refused_by_name() -> None:
    assert fault(Strict, text="").startswith("Invalid value for 'text': ''; expected at least 1 character")
    assert fault(Strict) == "text is required (some/endpoint)."


def test_a_wrong_choice_names_field_value_and_choices() -> None:
    assert fault(title="x", mode="standard") == (
        "Invalid value for 'mode': 'standard'; expected 'std' or 'pro' (some/endpoint)."
    )


def test_a_number_out_of_range_names_the_bound() -> None:
    assert fault(title="x", scale=2) == (
        "Invalid value for 'scale': 2; expected less than or equal to 1 (some/endpoint)."
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_know_are_refused(number: float) -> None:
    assert "'scale'" in fault(title="x", scale=number)


def test_a_misspelled_field_is_named() -> None:
    assert fault(title="x", promt="y") == "promt is not a field of this request (some/endpoint)."
    assert "parts[1].nam is not a field" in fault(parts=[{"name": "a"}, {"name": "b", "nam": "c"}])


def test_faults_inside_lists_are_located() -> None:
    assert "parts[0].name is required" in fault(parts=[{"size": 1}])


def test_all_faults_are_reported_at_once() -> None:
    text = fault(title="x", mode="4k", scale=-1)
    assert "'mode': '4k'" in text
    assert "'scale': -1" in text


def test_a_broken_rule_is_reported_with_its_own_text_even_with_braces() -> None:
    assert fault() == "at least one of title or parts must be given; none is (some/endpoint)."
    assert fault(title="x", mode="pro", scale=1) == "mode pro takes no {scale} (some/endpoint)."


def test_a_long_value_is_shortened_and_measured() -> None:
    text = fault(title="ab " * 100)
    assert "… (300 characters); expected at most 200 characters" in text
    assert len(text) < 250


def test_values_are_shown_without_signatures_and_base64() -> None:
    signed = fault(title="x", mode="https://b.example/a.png?X-Amz-Signature=secret")
    assert "https://b.example/a.png" in signed
    assert "secret" not in signed
    image = "iVBORw0KGgoAAAANSUhEUg" * 50
    assert image[:40] not in fault(title="x", mode=image)


@pytest.mark.parametrize("name", sorted(Sample.model_fields))
def test_any_field_may_be_deferred_and_its_rules_wait(name: str) -> None:
    known = {"title": "x"} if name != "title" else {}
    assert getattr(Sample.model_validate({**known, name: TEMPLATED}), name) is TEMPLATED


def test_what_is_known_is_checked_while_other_fields_are_deferred() -> None:
    assert "'mode': '4k'" in fault(title=TEMPLATED, mode="4k")
    Sample.model_validate({"title": TEMPLATED, "mode": "pro", "scale": TEMPLATED})


def test_hints_warn_and_refuse_nothing() -> None:
    assert Sample(title="x", flag=True).warnings() == ["flag has no effect"]
    assert Sample(title="x").warnings() == []
    assert Sample.model_validate({"title": "x", "flag": TEMPLATED}).warnings() == []


@pytest.mark.parametrize("blank", ["", " ", "  \n\n ", "\u200b", "\ufeff \u2060", "\u00a0\u3000", "\x00"])
def test_text_in_which_nothing_is_seen_is_empty(blank):
    with pytest.raises(ValidationError):
        TextToVideo.model_validate({"prompt": blank})
    found = TextToVideo.model_validate({"prompt": "a boat", "negative_prompt": blank})
    assert "negative_prompt" not in found.wire()


@pytest.mark.parametrize("value", [8.69e17, 869.0, "8.69e+17", "869.0", "869.5"])
def test_id_as_a_float_is_refused(value):
    for kind in (Id, ElementId):
        with pytest.raises(ValidationError, match="as a float it has lost digits"):
            TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("value", [869, "869", " 869\n"])
def test_id_is_stripped(value):
    assert TypeAdapter(Id).validate_python(value) == "869"
    assert TypeAdapter(ElementId).validate_python(value) == 869
