# SPDX-License-Identifier: Apache-2.0
"""Texts that hold their redacted form and carry the original."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_kling.utils.redaction import RedactedItems, RedactedText, original_of, redact_reversibly

SIGNED = "https://a.example/b.png?X-Amz-Signature=secret"
SHOWN = "https://a.example/b.png"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (SIGNED, SHOWN),
        ("waves", "waves"),
        ({"a": [SIGNED, 1, None]}, {"a": [SHOWN, 1, None]}),
        ((SIGNED, "x"), [SHOWN, "x"]),
        (5, 5),
    ],
)
def test_the_text_is_the_redacted_one_and_the_original_comes_back(value: Any, shown: Any) -> None:
    redacted = redact_reversibly(value)
    assert redacted == shown
    assert json.loads(json.dumps(redacted)) == shown
    assert "secret" not in f"{redacted} {redacted!r}"
    assert original_of(redacted) == (list(value) if isinstance(value, tuple) else value)


def test_what_need_not_be_hidden_stays_plain_text() -> None:
    assert type(redact_reversibly("waves")) is str


def test_redacting_twice_equals_redacting_once() -> None:
    assert original_of(redact_reversibly(redact_reversibly(SIGNED))) == SIGNED


def test_what_was_changed_is_what_counts() -> None:
    redacted = redact_reversibly({"image": SIGNED, "masks": [SIGNED]})
    redacted["masks"].append("other")
    redacted["image"] = "replaced"
    assert original_of(redacted) == {"image": "replaced", "masks": [SIGNED, "other"]}


def test_one_text_stands_for_many_items() -> None:
    shown = ["a", RedactedItems("... and 2 more", ["b", SIGNED])]
    assert original_of(shown) == ["a", "b", SIGNED]
    assert original_of(shown[:1]) == ["a"]


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_copies_carry_the_original(copied: Callable[[Any], Any]) -> None:
    second = copied(RedactedText(SHOWN, SIGNED))
    assert (second, second.original) == (SHOWN, SIGNED)
