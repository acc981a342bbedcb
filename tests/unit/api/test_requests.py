# SPDX-License-Identifier: Apache-2.0
"""Every rule of every request refuses what it must and nothing else; bodies have the vendor's shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.requests.base import KlingRequest
from airflow_provider_kling.api.requests.rules import TEMPLATED, Rule
from airflow_provider_kling.api.validation_errors import format_validation_error
from tests.unit.api.cases import ACCEPTED, MODELS, REFUSED, Accepted, Refused


def name_of(case: Any) -> str:
    return f"{case.model.__name__}-{json.dumps(case.body)[:60]}"


def holds_nothing(value: Any) -> bool:
    """Whether a null or an empty value stands anywhere in a body."""
    if isinstance(value, dict):
        return not value or any(map(holds_nothing, value.values()))
    if isinstance(value, list):
        return not value or any(map(holds_nothing, value))
    return value is None or value == ""


@pytest.mark.parametrize("case", ACCEPTED, ids=name_of)
def test_accepted_body_reaches_the_wire_and_comes_back(case: Accepted) -> None:
    wire = case.model.model_validate(case.body).wire()
    assert not holds_nothing(wire)
    assert case.model.model_validate(json.loads(json.dumps(wire))).wire() == wire


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_refused_body_names_the_error(case: Refused) -> None:
    with pytest.raises(ValidationError) as caught:
        case.model.model_validate(case.body)
    assert case.words in format_validation_error("slug", caught.value)


def _broken(model: type[KlingRequest], body: dict[str, Any], rule: Rule) -> bool:
    bare = type("Bare", (model,), {"rules": (), "__module__": __name__})
    try:
        request = bare.model_validate(body)
    except ValidationError:
        return False
    return bool(rule.violation(request))


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        pytest.param(model, rule, id=f"{model.__name__}-{rule.text}")
        for model in MODELS
        for rule in model.rules
    ],
)
def test_every_rule_has_a_body_that_breaks_it(model: type[KlingRequest], rule: Rule) -> None:
    assert any(_broken(model, case.body, rule) for case in REFUSED if case.model is model)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_rule_is_passed_over_while_a_field_it_reads_is_a_template(model: type[KlingRequest]) -> None:
    request = model.model_validate(dict.fromkeys(model.model_fields, TEMPLATED))
    assert request.warnings() == []
    for item in (*model.rules, *model.warning_rules):
        assert set(item.fields) <= set(model.model_fields)
        assert not item.is_evaluable(request)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_required_fields_are_named_when_missing(model: type[KlingRequest]) -> None:
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    if not required:
        assert model.model_fields
        return
    with pytest.raises(ValidationError) as caught:
        model.model_validate({})
    assert {item["loc"][0] for item in caught.value.errors() if item["type"] == "missing"} == required


def test_every_endpoint_is_covered() -> None:
    assert {endpoint.request for endpoint in ENDPOINTS.values()} <= set(MODELS)
    assert set(MODELS) == {case.model for case in REFUSED}
