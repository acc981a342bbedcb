# SPDX-License-Identifier: Apache-2.0
"""What the pages count and compute is right.

Recipes that are DAGs run in tests/airflow and tests/unit/batch.
"""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
import time_machine

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.polling import MIN_POLL_INTERVAL
from airflow_provider_kling.api.pricing import USD_PER_UNIT, estimate
from scripts.local_airflow import ROOT

# The vendor's own example of a signed callback.
SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,'
    b'"update_time":1781080794151}'
)
HEADERS = {
    "webhook-id": "9876543210",
    "webhook-timestamp": "1781080794",
    "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
}
OTHER = "v1,K5oZfzeVuQvI4x1jrjAgMlkpJDoe1JhVmAbjR6eKeTM="

Receive = Callable[[dict[str, str], bytes, str], int]


def page(name: str) -> str:
    return " ".join((ROOT / name).read_text("utf-8").split())


@pytest.fixture
def on_callback() -> Receive:
    text = (ROOT / "docs" / "waiting.md").read_text("utf-8")
    sources = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    (source,) = [each for each in sources if "def on_callback" in each]
    names: dict[str, Receive] = {}
    exec(source, names)
    return names["on_callback"]


def at(seconds: int) -> time_machine.travel:
    then = datetime.datetime.fromtimestamp(1781080794 + seconds, datetime.UTC)
    return time_machine.travel(then, tick=False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-signature": f"{OTHER} {HEADERS['webhook-signature']}"},
        {"webhook-signature": f"{HEADERS['webhook-signature']} {OTHER}"},
    ],
)
def test_a_callback_of_klings_is_known(on_callback: Receive, headers: dict[str, str]) -> None:
    with at(200):
        assert on_callback({**HEADERS, **headers}, BODY, SECRET) == 200


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, BODY.replace(b"succeeded", b"failed"), 0),
        ({}, BODY, 301),
        ({}, BODY, -301),
        ({"webhook-signature": OTHER}, BODY, 0),
        ({"webhook-signature": ""}, BODY, 0),
        ({"webhook-signature": "v1,é"}, BODY, 0),
        ({"webhook-id": "1"}, BODY, 0),
        ({"webhook-timestamp": "soon"}, BODY, 0),
        ({"webhook-timestamp": "1781080795"}, BODY, 0),
    ],
)
def test_any_other_is_not(on_callback: Receive, headers: dict[str, str], body: bytes, seconds: int) -> None:
    with at(seconds):
        assert on_callback({**HEADERS, **headers}, body, SECRET) == 403


def test_a_callback_without_signature_is_not(on_callback: Receive) -> None:
    assert on_callback({}, BODY, SECRET) == 403


def test_the_documented_cost_of_a_first_video_is_that_of_the_price_table() -> None:
    endpoint = ENDPOINTS["videos/text2video"]
    units = estimate(endpoint, endpoint.request.model_validate({"prompt": "A lighthouse"}))
    assert units is not None
    dollars = units * USD_PER_UNIT["video"]
    text = f"{units:.0f} units, about {dollars.quantize(Decimal('0.01'))} US dollars"
    assert text in page("README.md")
    assert text in page("docs/quickstart.md")
    costs = page("docs/costs.md")
    assert (
        f"a video unit costs {USD_PER_UNIT['video']} US dollars and an image unit {USD_PER_UNIT['image']}."
        in costs
    )
    limit = 20 / USD_PER_UNIT["video"]
    assert f"`max_usd=20` is {limit:.1f} video units: {limit // units} videos of 5 s" in costs


def test_prices_of_units_are_those_of_the_price_table() -> None:
    video, image = USD_PER_UNIT["video"], USD_PER_UNIT["image"]
    text = f"Video units ({video} US dollars at list price) and image units ({image})"
    assert text in page("docs/glossary.md")
    text = f"one video unit costs as much as {video / image:.0f} image units"
    assert text in page("docs/operators/image.md")


COSTS = re.compile(
    r"cost(?:s)? (?:about )?(.+?), (?:about )?([\d.]+) US dollars at the list price of September 2026"
)


def test_examples_name_their_cost_in_units_and_dollars() -> None:
    named = 0
    for file in sorted((ROOT / "example_dags").glob("*.py")):
        text = " ".join((ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split())
        for units, dollars in COSTS.findall(text):
            parts = re.findall(r"([\d.]+) (video|image) units", units)
            cost = sum(Decimal(number) * USD_PER_UNIT[kind] for number, kind in parts)
            assert parts, file.name
            assert Decimal(dollars) == cost.quantize(Decimal("0.01")), file.name
            named += 1
        assert not re.search(r"\d units", text), f"{file.name}: video or image units?"
    assert named >= 11


def test_the_shortest_interval_is_documented() -> None:
    assert f"An interval below {MIN_POLL_INTERVAL} seconds counts as {MIN_POLL_INTERVAL}" in page(
        "docs/waiting.md"
    )


def test_a_sensors_default_timeout_is_documented() -> None:
    from airflow_provider_kling.sensors.kling import KlingTaskSensor

    each = KlingTaskSensor(task_id="wait", endpoint="videos/text2video", kling_task_id="8")
    assert each.timeout == 6 * 3600
    assert "A sensor waits six hours by default" in page("docs/waiting.md")


def test_examples_give_sensors_a_timeout() -> None:
    """A copied example must not wait seven days for a job that was never submitted."""
    files = [*(ROOT / "example_dags").glob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    calls = [
        call
        for file in files
        for call in re.findall(
            r"^\s*(?:\w+ = )?KlingTaskSensor\(.*?\n\s*\)", file.read_text("utf-8"), re.M | re.S
        )
    ]
    assert len(calls) >= 3
    assert [call for call in calls if "timeout=" not in call] == []
