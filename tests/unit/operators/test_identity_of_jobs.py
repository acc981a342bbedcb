# SPDX-License-Identifier: Apache-2.0
"""Which job is a task's own: on hosts whose names prove little, after clears, and where a name is taken."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.hosts import DIALECTS
from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.exceptions import (
    KlingAccountError,
    KlingRequestInvalid,
    KlingServerError,
    KlingTaskNotFound,
    KlingWaitInterrupted,
    auth_errors_as_retryable,
)
from airflow_provider_kling.inputs.prepared_request import params_fingerprint, prepare_request
from airflow_provider_kling.operators._error_report import RecoveryAdvice
from airflow_provider_kling.operators._request_changes import (
    changing_fields,
    check_same_request,
    difference,
    warn_of_other_request,
)
from airflow_provider_kling.results.signed_urls import SignedUrlSource
from airflow_provider_kling.submission.context import IdempotencyKey, SubmittedTask
from airflow_provider_kling.submission.idempotency import RequestRecord
from airflow_provider_kling.utils.redaction import strip_url_signature
from airflow_provider_kling.version_compat import AirflowFailException

FACTS = {"model_name": "kling-v2-6", "prompt": "a boat", "parameters": {"duration": "5"}, "inputs": []}
OTHER = {**FACTS, "prompt": "a horse"}


def key(**values: Any) -> IdempotencyKey:
    return IdempotencyKey(**{**{"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1}, **values})


def of(fingerprint: str = "new", **values: Any) -> IdempotencyKey:
    return key(clear_count=0, fingerprint=fingerprint, **values)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            "https://x.supabase.co/storage/v1/object/sign/a.png?token=eyJ1",
            "https://x.supabase.co/storage/v1/object/sign/a.png?token=eyJ2",
            id="supabase",
        ),
        pytest.param(
            "https://firebasestorage.googleapis.com/v0/b/b/o/a.png?alt=media&token=1",
            "https://firebasestorage.googleapis.com/v0/b/b/o/a.png?alt=media&token=2",
            id="firebase",
        ),
        pytest.param(
            "https://b.s3.amazonaws.com/a.png?X-Amz-Date=1&X-Amz-Signature=2",
            "https://b.s3.amazonaws.com/a.png?X-Amz-Date=3&X-Amz-Signature=4",
            id="s3",
        ),
        pytest.param(
            "https://cdn.example/a.png?e=1&token=a:b", "https://cdn.example/a.png?e=2&token=a:c", id="qiniu"
        ),
        pytest.param(
            "https://b.example/a.png?token=1&expires=2&w=9",
            "https://b.example/a.png?token=3&expires=4&w=9",
            id="bunny",
        ),
    ],
)
def test_a_url_signed_again_is_the_same_input(first: str, second: str) -> None:
    assert strip_url_signature(first) == strip_url_signature(second)
    endpoint, dialect = ENDPOINTS["videos/image2video"], DIALECTS["kling"]
    prints = {prepare_request(endpoint, {"image": url}, dialect).fingerprint for url in (first, second)}
    assert len(prints) == 1


@pytest.mark.parametrize("query", ["v=1", "w=100&h=50", "id=7", "e=1", "t=3"])
def test_other_parameters_of_a_url_are_part_of_the_input(query: str) -> None:
    assert strip_url_signature(f"https://example.com/a.png?{query}") == f"https://example.com/a.png?{query}"


def test_the_output_path_is_no_part_of_the_request() -> None:
    endpoint, dialect = ENDPOINTS["videos/text2video"], DIALECTS["kling"]
    plain = prepare_request(endpoint, {"prompt": "a boat"}, dialect)
    report = prepare_request(endpoint, {"prompt": "a boat", "callback_url": "https://a.example/cb"}, dialect)
    assert plain.fingerprint == report.fingerprint
    assert report.body["callback_url"] == "https://a.example/cb"
    requested = [
        params_fingerprint(endpoint, {"prompt": "x", "callback_url": url}, None) for url in ("a", None)
    ]
    assert requested[0] == requested[1]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"prompt": "{{ macros.datetime.now() }}"}, ("prompt",)),
        ({"prompt": "try {{ ti.try_number }}"}, ("prompt",)),
        ({"prompt": "{{ macros.uuid.uuid4() }}", "external_task_id": "shot"}, ()),
        ({"prompt": "x", "external_task_id": "shot-{{ ti.try_number }}"}, ("external_task_id",)),
        ({"prompt": "{{ ds }} now and then"}, ()),
        ({"prompt": "x", "callback_url": "{{ macros.uuid.uuid4() }}"}, ()),
        ({"prompt": "x", "extra_body": {"seed": "{{ macros.random() }}"}}, ("extra_body",)),
        ({"prompt": "{{ ti.start_date }}", "take": "{{ ti.try_number }}"}, ("prompt", "take")),
        ({"prompt": "{{ dag.start_date }} {{ ti.map_index }} {{ ti.task_id }}", "take": "2"}, ()),
        ({"prompt": "{{ task_instance.id }}"}, ("prompt",)),
        ({"prompt": "x", "kling_conn_id": "a-{{ ti.try_number }}"}, ("kling_conn_id",)),
        ({"external_task_id": "s", "take": "{{ ti.try_number }}"}, ()),
        ({"external_task_id": "s", "kling_conn_id": "a-{{ ti.try_number }}"}, ("kling_conn_id",)),
        ({"prompt": "x", "labels": {"try": "{{ ti.try_number }}"}}, ()),
    ],
)
def test_templates_that_change_in_each_try_are_detected(
    values: dict[str, Any], names: tuple[str, ...]
) -> None:
    assert changing_fields(values, ("prompt", "callback_url", "external_task_id", "extra_body")) == names


def test_advice_promises_no_free_retry_if_the_request_changes_in_each_try() -> None:
    error = KlingServerError("down.")
    from airflow_provider_kling.exceptions import JobState

    error.set_job_state(JobState.ENDED)
    steady = RecoveryAdvice(endpoint="videos/text2video", will_retry=True, can_look_up=True)
    changing = RecoveryAdvice(
        endpoint="videos/text2video", will_retry=True, can_look_up=True, changing=("prompt",)
    )
    assert "without a new job" in (steady.for_error(error) or "")
    text = changing.for_error(error) or ""
    assert "without a new job" not in text
    assert "makes a new job, which is charged" in text


def test_a_retry_that_requests_something_else_names_the_earlier_job(caplog: pytest.LogCaptureFixture) -> None:
    then = of("old")
    with caplog.at_level(logging.WARNING):
        warn_of_other_request(RequestRecord(then, "fingerprint", OTHER), of("new"), FACTS)
    assert then.external_task_id(0) in caplog.text
    assert "prompt: 'a horse' before, 'a boat' now" in caplog.text
    caplog.clear()
    warn_of_other_request(RequestRecord(then, "fingerprint", FACTS), then, FACTS)
    warn_of_other_request(None, then, FACTS)
    assert not caplog.records


def test_what_differs_is_shown_without_secrets() -> None:
    text = difference({"parameters": {"image": "https://a.example/b.png?token=secret"}}, {})
    assert "secret" not in text


@pytest.mark.parametrize(
    ("map_index", "then", "outcome"),
    [
        pytest.param(-1, None, "warned", id="another task"),
        pytest.param(-1, {**FACTS, "fingerprint": "new"}, "silent", id="the same request"),
        pytest.param(1, {**FACTS, "fingerprint": "new"}, "silent", id="mapped, the same request"),
        pytest.param(1, {**OTHER, "fingerprint": "old"}, "refused", id="mapped, another request"),
        pytest.param(1, None, "refused", id="mapped, unknown request"),
    ],
)
def test_an_external_task_id_in_use_is_reported(
    map_index: int, then: dict[str, Any] | None, outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = SubmittedTask(
        KlingTask("7", TaskStatus.SUCCEED, "succeed"), "shot", reattached=True, id_was_in_use=True
    )
    context: Any = {"ti": SimpleNamespace()}
    requested = key(map_index=map_index, clear_count=0, fingerprint="new", user_external_task_id="shot")
    if outcome == "refused":
        with pytest.raises(KlingRequestInvalid, match="is taken by another mapped task"):
            check_same_request(context, found, requested, FACTS, then)
        return
    with caplog.at_level(logging.WARNING):
        check_same_request(context, found, requested, FACTS, then)
    assert bool(caplog.records) == (outcome == "warned")


@pytest.mark.parametrize(
    ("error", "final"),
    [
        pytest.param(KlingAccountError("1103", http_status=403, code=1103), False, id="1103"),
        pytest.param(KlingAccountError("1304", http_status=429, code=1304), False, id="1304"),
        pytest.param(KlingRequestInvalid("page", http_status=400), False, id="400 page"),
        pytest.param(KlingRequestInvalid("page", http_status=302), False, id="302"),
        pytest.param(KlingRequestInvalid("not sent"), True, id="never sent"),
    ],
)
def test_a_refused_read_is_never_final(error: Exception, final: bool) -> None:
    with pytest.raises(type(error) if final else KlingWaitInterrupted) as raised, auth_errors_as_retryable():
        raise error
    assert isinstance(raised.value, AirflowFailException) == final

    def refuse() -> Any:
        raise error

    from airflow_provider_kling.exceptions import KlingResultNotKept

    job = SignedUrlSource({"task_id": "7", "endpoint": "videos/text2video"}, refuse)
    with pytest.raises(KlingResultNotKept) as missing:
        job._read()
    assert not isinstance(missing.value, AirflowFailException)
    with pytest.raises(KlingTaskNotFound), auth_errors_as_retryable():
        raise KlingTaskNotFound("none", http_status=404)
