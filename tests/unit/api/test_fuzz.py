# SPDX-License-Identifier: Apache-2.0
"""Whatever a request is given, it is refused in good order or reaches the wire as the vendor wants it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from airflow_provider_kling.api.requests.base import KlingRequest
from tests.support.examples import examples
from tests.unit.api.cases import ACCEPTED, MODELS, REFUSED
from tests.unit.api.test_requests import holds_nothing

JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def _seen(model: type[KlingRequest], name: str) -> list[Any]:
    """Values that the cases give a field, good and bad."""
    return [case.body[name] for case in (*ACCEPTED, *REFUSED) if case.model is model and name in case.body]


def _bodies(model: type[KlingRequest]) -> st.SearchStrategy[dict[str, Any]]:
    valid = st.sampled_from([case.body for case in ACCEPTED if case.model is model])
    changes = st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from(values) | JSON_LIKE if (values := _seen(model, name)) else JSON_LIKE
            for name in model.model_fields
        },
    )
    unknown = st.dictionaries(st.text(max_size=6), JSON_LIKE, max_size=1)
    return st.tuples(valid, changes, unknown).map(lambda parts: {**parts[0], **parts[1], **parts[2]})


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(location for key, item in items for location in _places(item, (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy


def _check(model: type[KlingRequest], body: Any) -> None:
    try:
        request = model.model_validate(body)
    except ValidationError:
        return
    wire = request.wire()
    assert not holds_nothing(wire)
    second = json.loads(json.dumps(wire, allow_nan=False))
    assert model.model_validate(second).wire() == wire
    assert all(isinstance(expected_text, str) for expected_text in request.warnings())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_changed_bodies(model: type[KlingRequest], data: st.DataObject) -> None:
    _check(model, data.draw(_bodies(model)))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_bodies_changed_somewhere_inside(model: type[KlingRequest], data: st.DataObject) -> None:
    body = data.draw(st.sampled_from([case.body for case in ACCEPTED if case.model is model]))
    _check(model, _with(body, data.draw(st.sampled_from(_places(body))), data.draw(JSON_LIKE)))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=JSON_LIKE)
def test_bodies_of_nothing_known(model: type[KlingRequest], body: Any) -> None:
    _check(model, body)
