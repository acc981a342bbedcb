# SPDX-License-Identifier: Apache-2.0
"""Whatever is sent, the emulator answers as an API does: it makes a job or refuses, it never breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.emulator.errors import ApiErrorResponse
from airflow_provider_kling.emulator.options import Options
from airflow_provider_kling.emulator.spec.validation import validate_body
from airflow_provider_kling.emulator.state import EmulatorState
from tests.support.examples import examples
from tests.unit.emulator.sample_bodies import BODIES, URL, VIDEO_URL

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["on", "pro", "5", "10", "series", "auto", "16:9", "0:1", "customize", URL, VIDEO_URL])
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> EmulatorState:
    return EmulatorState(Options(slots=0), Path(tmp_path_factory.mktemp("state")))


def _order(state: EmulatorState, slug: str, body: Any) -> None:
    try:
        order = validate_body(slug, json.dumps(body).encode(), state.validation)
        job = state.account.create_task(ENDPOINTS[slug], order)
    except ApiErrorResponse as error:
        refusal = error
    else:
        json.dumps(state.serializer.task_object(job, "http://127.0.0.1"))
        return
    assert refusal.code in (1200, 1201, 1203)
    assert refusal.message


@pytest.mark.parametrize("slug", list(BODIES))
@given(data=st.data())
@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
def test_any_change_of_a_valid_body_is_accepted_or_refused(state, slug, data):
    body = dict(BODIES[slug])
    names = [*body, "multi_shot", "shot_type", "multi_prompt", "image_list", "mode", "watermark_info", "n"]
    for name in data.draw(st.lists(st.sampled_from(names), max_size=3)):
        body[name] = data.draw(_JSON)
    _order(state, slug, body)


@given(body=_JSON)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
def test_any_json_is_accepted_or_refused(state, body):
    for slug in ENDPOINTS:
        _order(state, slug, body)


@pytest.mark.parametrize(
    "raw",
    [b'{"prompt": NaN}', b'{"prompt": "\\ud800"}', b'{"cfg_scale": 1e999}', b"[" * 100_000, b'{"a":' * 9999],
)
def test_unusual_json_is_accepted_or_refused(kling, raw):
    response = kling.session.post(
        kling.emulator.url + "/v1/videos/text2video",
        raw,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert (response.status_code, response.json()["code"] // 10) == (400, 120)
