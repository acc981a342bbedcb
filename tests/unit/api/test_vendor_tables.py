# SPDX-License-Identifier: Apache-2.0
"""The request models against the vendor's pages: every field, every limit, every rule between fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from airflow_provider_kling.api import ENDPOINTS
from tests.unit.api.vendor_tables import PAGES, Page
from tests.unit.api.vendor_tables.common import Body, Field

BY_SLUG = {page.slug: page for page in PAGES}
OTHER_SOURCES = {"videos/avatar"}
"""Endpoints that no page of the vendor has."""


class Case(NamedTuple):
    """A body that a page settles."""

    slug: str
    what: str
    body: Body
    accepted: bool
    names: str = ""


def _over(page: Page, *changes: Body) -> dict[str, Any]:
    body = dict(page.base)
    for change in changes:
        body |= change
    return {name: value for name, value in body.items() if value is not None}


def _items(item: Any, count: int) -> list[Any]:
    """Repeat an item; the names by which a prompt calls items differ."""
    if not isinstance(item, dict) or "id" not in item:
        return [item] * count
    return [{**item, "id": f"{item['id']}{number}"} for number in range(count)]


def _bodies(name: str, field: Field) -> Iterator[tuple[str, Any, bool]]:
    for value in field.values:
        yield f"{name} {str(value)[:30]}", value, True
    if field.values and field.closed:
        yield f"{name} unlisted", "no-such-value", False
    if field.longest:
        yield f"{name} of {field.longest} characters", "x" * field.longest, True
        yield f"{name} of {field.longest + 1} characters", "x" * (field.longest + 1), False
    for bound, step in ((field.low, -1), (field.high, 1)):
        if bound is not None:
            yield f"{name} {bound}", bound, True
            yield f"{name} beyond {bound}", bound + step, False
    if field.most:
        yield f"{name}, {field.most} items", _items(field.item, field.most), True
        yield f"{name}, {field.most + 1} items", _items(field.item, field.most + 1), False
    if field.fewest:
        yield f"{name}, {field.fewest} items", _items(field.item, field.fewest), True
    if field.fewest > 1:
        yield f"{name}, {field.fewest - 1} items", _items(field.item, field.fewest - 1), False


def _cases(page: Page) -> Iterator[Case]:
    yield Case(page.slug, "what is required", page.base, True)
    for name, field in page.fields.items():
        if field.required:
            without = _over(page, {name: None})
            yield Case(page.slug, f"without {name}", without, False, name)
        for what, value, accepted in _bodies(name, field):
            body = _over(page, field.given, {name: value})
            yield Case(page.slug, what, body, accepted, "" if accepted else name)
    for rule in page.rules:
        for number, change in enumerate(rule.accepted):
            yield Case(page.slug, f"{rule.text}: kept {number}", _over(page, change), True)
        for number, change in enumerate(rule.refused):
            yield Case(page.slug, f"{rule.text}: broken {number}", _over(page, change), False)


CASES = [case for page in PAGES for case in _cases(page)]


def test_each_endpoint_has_its_page() -> None:
    assert set(BY_SLUG) == set(ENDPOINTS) - OTHER_SOURCES


@pytest.mark.parametrize("slug", BY_SLUG)
def test_a_model_has_the_fields_of_its_page(slug: str) -> None:
    assert set(ENDPOINTS[slug].request.model_fields) == set(BY_SLUG[slug].fields)


@pytest.mark.parametrize("slug", BY_SLUG)
def test_an_endpoint_names_its_page(slug: str) -> None:
    page = BY_SLUG[slug]
    assert ENDPOINTS[slug].source == f"Kling documentation, {page.name} ({page.date})"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.slug} {case.what}")
def test_a_model_follows_its_page(case: Case) -> None:
    model = ENDPOINTS[case.slug].request
    if case.accepted:
        model.model_validate(case.body)
        return
    with pytest.raises(ValidationError) as refused:
        model.model_validate(case.body)
    assert case.names in str(refused.value)
