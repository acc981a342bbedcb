# SPDX-License-Identifier: Apache-2.0
"""Rules say what is wrong, stay silent when nothing is, and wait for what is not known yet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given as values
from hypothesis import strategies as st

from airflow_provider_kling.api.requests.rules import (
    TEMPLATED,
    Rule,
    at_least_one,
    at_most_one_group,
    custom_rule,
    exactly_one,
    join_names,
    requires,
    set_fields,
)

NAMES = ("a", "b", "c", "d")
UNSET = st.sampled_from([None, "", [], {}])
SET = st.sampled_from(["x", 0, False, 0.0, ["x"], {"k": 1}])


def request(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(**{name: fields.get(name) for name in NAMES})


@values(st.fixed_dictionaries(dict.fromkeys(NAMES, UNSET | SET)))
def test_rules_follow_the_number_of_set_fields(fields: dict[str, Any]) -> None:
    it = request(**fields)
    count = sum(value not in (None, "", [], {}) for value in fields.values())
    assert len(set_fields(it, *NAMES)) == count
    assert (exactly_one(*NAMES).violation(it) is None) is (count == 1)
    assert (at_least_one(*NAMES).violation(it) is None) is (count >= 1)


@pytest.mark.parametrize("value", [0, False, 0.0])
def test_nothing_and_no_are_values(value: object) -> None:
    assert set_fields(request(a=value), "a") == ["a"]


def test_exactly_one_reports_which_were_set() -> None:
    both = exactly_one("a", "b").violation(request(a="x", b="y"))
    assert both == "exactly one of a or b must be given; a and b are"
    assert exactly_one("a", "b").violation(request()) == "exactly one of a or b must be given; none is"


def test_at_most_one_group_names_what_collides() -> None:
    exclusive = at_most_one_group(("a",), ("b", "c"))
    assert exclusive.fields == ("a", "b", "c")
    assert exclusive.violation(request(b="x", c="y")) is None
    assert (
        exclusive.violation(request(a="x", c="y"))
        == "only one of a or b + c can be used in one request; given: a, c"
    )


def test_needs_names_what_is_missing() -> None:
    rule_ = requires("a", "b", "c")
    assert rule_.violation(request()) is None
    assert rule_.violation(request(b="x")) is None
    assert rule_.violation(request(a="x", b="y", c="z")) is None
    assert rule_.violation(request(a="x", c="y")) == "a needs b and c; b missing"


def test_the_text_of_a_predicate_is_the_violation() -> None:
    no_a = custom_rule("a", text="a is of no use here", violated=lambda it: it.a)
    assert no_a.violation(request(a=1)) == "a is of no use here"
    assert no_a.violation(request()) is None


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_rule_applies_when_every_field_it_reads_is_known(name: str) -> None:
    waiting = Rule(("a", "b"), "text", lambda _: "broken")
    assert waiting.is_evaluable(request())
    assert waiting.is_evaluable(request(c=TEMPLATED))
    assert not waiting.is_evaluable(request(**{name: TEMPLATED}))


def test_a_deferred_value_shows_as_what_it_is() -> None:
    assert repr(TEMPLATED) == "<rendered at run time>"


def test_listed() -> None:
    assert join_names(["a"]) == "a"
    assert join_names(("a", "b")) == "a or b"
    assert join_names(["a", "b", "c"], "and") == "a, b and c"
