# SPDX-License-Identifier: Apache-2.0
"""The first failures of a new user: cause and remedy stand in the part of the line that the UI shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_kling.api.http import ApiRequest
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.hooks.responses import parse_or_raise
from airflow_provider_kling.operators.video import KlingImageToVideoOperator, KlingTextToVideoOperator
from airflow_provider_kling.results.output_path import validate_output_path
from airflow_provider_kling.results.signed_urls import expired_error
from airflow_provider_kling.utils import storage
from tests.support.certificates import self_signed
from tests.support.first_lines import SHOWN, documented_lines
from tests.support.refusing_store import RefusingStore
from tests.unit.operators.conftest import TaskInstance, context_of

JOB = "178901234567800001"
Situation = Callable[[pytest.MonkeyPatch, Path, Emulator], Any]


def _run(operator: Any) -> None:
    operator.execute(context_of(TaskInstance()))


def _film(**arguments: Any) -> KlingTextToVideoOperator:
    return KlingTextToVideoOperator(
        **{"task_id": "film", "prompt": "A boat", "poll_interval": 0.2, **arguments}
    )


def _connect(patch: pytest.MonkeyPatch, **fields: Any) -> None:
    patch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps({"conn_type": "kling", **fields}))


def wrong_key(patch: pytest.MonkeyPatch, _folder: Path, kling: Emulator) -> None:
    _connect(patch, host=kling.url, password="a-mistyped-key")
    _run(_film())


def no_connection(_patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    _run(_film(kling_conn_id="klingdefault"))


def mistyped_host(patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    _connect(patch, host="https://api-singapor.klingai.invalid", password="key")
    _run(_film())


def _answer(status: int, response: dict[str, Any]) -> None:
    """Let the connection's host answer a create call."""
    call = ApiRequest("POST", "/v1/videos/text2video", creates_task=True)
    parse_or_raise(KlingHook().settings, call, status, {}, json.dumps(response).encode())


def key_of_another_region(patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    _connect(patch, host="https://api-beijing.klingai.com", password="key")
    _answer(401, {"code": 1002, "message": "access key not found"})


def closed_port(patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    _connect(patch, host="http://127.0.0.1:9", password="key")
    _run(_film())


def https_to_plain_http(patch: pytest.MonkeyPatch, _folder: Path, kling: Emulator) -> None:
    _connect(patch, host=kling.url.replace("http:", "https:"), password="key")
    _run(_film())


def unknown_certificate(patch: pytest.MonkeyPatch, folder: Path, _kling: Emulator) -> None:
    with Emulator(certificate=str(self_signed(folder))) as kling:
        _connect(patch, host=kling.url, password="emulator")
        _run(_film())


def wrong_ca_bundle(patch: pytest.MonkeyPatch, folder: Path, kling: Emulator) -> None:
    missing = {"verify": str(folder / "company.pem")}
    _connect(patch, host=kling.url.replace("http:", "https:"), password="key", extra=missing)
    _run(_film())


def wrong_dialect(patch: pytest.MonkeyPatch, _folder: Path, kling: Emulator) -> None:
    _connect(patch, host=kling.url, password="emulator", extra={"dialect": "gateway"})
    _run(_film())


def no_credit(_patch: pytest.MonkeyPatch, _folder: Path, kling: Emulator) -> None:
    kling.faults.set({"no_credit": True})
    _run(_film())


def refused_content(_patch: pytest.MonkeyPatch, _folder: Path, kling: Emulator) -> None:
    kling.faults.set({"refused_word": "boat"})
    _run(_film())


def failed_job(_patch: pytest.MonkeyPatch, _folder: Path, kling: Emulator) -> None:
    kling.faults.set({"failed_job": 1, "fail_reason": "The first frame could not be decoded"})
    _run(_film())


def refused_job(_patch: pytest.MonkeyPatch, _folder: Path, kling: Emulator) -> None:
    kling.faults.set({"failed_job": 1, "fail_reason": "Failure to pass the risk control system"})
    _run(_film())


def failing_server(_patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    _answer(503, {"code": 5001, "message": "please try again later"})


def expired_result(_patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    raise expired_error({"task_id": JOB, "endpoint": "videos/text2video", "expires_at": 1_700_000_000_000})


def bucket_without_right(patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    with RefusingStore(lambda _method, _path: 403) as store:
        patch.setenv(f"AIRFLOW_CONN_{store.conn_id.upper()}", store.connection)
        validate_output_path(store.path)


def missing_extra(patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    patch.setattr(storage, "_is_importable", lambda _module: False)
    patch.setitem(storage.sys.modules, "fsspec.registry", object())
    _film(output_path="s3://my-videos/kling")


def model_of_another_endpoint(patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    _connect(patch, password="key")
    _run(_film(model_name="kling-v3-omni"))


def duration_out_of_range(_patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    _film(duration=60)


def missing_file(_patch: pytest.MonkeyPatch, folder: Path, _kling: Emulator) -> None:
    _run(KlingImageToVideoOperator(task_id="film", image=str(folder / "harbor.jpg"), prompt="A boat"))


def still_running(patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    with Emulator(job_seconds=3600) as slow:
        patch.setenv("AIRFLOW_CONN_KLING_DEFAULT", slow.connection_json())
        _run(_film(timeout=1))


def no_triggerer(_patch: pytest.MonkeyPatch, _folder: Path, _kling: Emulator) -> None:
    # Its module moved between versions of Airflow.
    ended_by_airflow = type("TaskDeferralTimeout", (AirflowException,), {})
    operator = _film(deferrable=True)

    def end(*_: Any, **__: Any) -> None:
        raise ended_by_airflow("Trigger timeout")

    operator.execute_complete = end  # type: ignore[method-assign]
    waiting = TaskInstance(xcoms={"task_id": JOB})
    operator.resume_execution("execute_complete", {"event": {}}, context_of(waiting))


SITUATIONS: dict[str, Situation] = {
    "the API key is wrong": wrong_key,
    "the connection is missing": no_connection,
    "the API key is of another region": key_of_another_region,
    "the host is mistyped": mistyped_host,
    "the host does not respond": closed_port,
    "the host uses http, not https": https_to_plain_http,
    "the worker does not know the issuer of the host's certificate": unknown_certificate,
    "the CA bundle is missing": wrong_ca_bundle,
    "the host uses another dialect": wrong_dialect,
    "the duration is out of range": duration_out_of_range,
    "the model belongs to another endpoint": model_of_another_endpoint,
    "the input file is missing": missing_file,
    "the package of the storage is missing": missing_extra,
    "the connection may not write to the bucket": bucket_without_right,
    "the account has no credit": no_credit,
    "Kling refuses the prompt or the image": refused_content,
    "Kling refuses the result that it generated": refused_job,
    "Kling ends the job as failed": failed_job,
    "Kling is under maintenance": failing_server,
    "no triggerer is running": no_triggerer,
    "the job is still running": still_running,
    "the result has expired": expired_result,
}


@pytest.mark.parametrize("mistake", SITUATIONS)
def test_cause_and_remedy_come_first(
    mistake: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kling_emulator: Emulator
) -> None:
    with pytest.raises(AirflowException) as caught:
        SITUATIONS[mistake](monkeypatch, tmp_path, kling_emulator)
    line = str(caught.value)[:SHOWN]
    assert documented_lines()[mistake].match(line), line


def test_the_documentation_lists_no_other_mistake() -> None:
    assert documented_lines().keys() == SITUATIONS.keys()
