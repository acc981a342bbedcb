# SPDX-License-Identifier: Apache-2.0
"""A connection that breaks behind a proxy: if it is unknown whether a job exists, the error says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import JobState, KlingServerError, KlingSubmissionUnknown
from airflow_provider_kling.submission.context import IdempotencyKey, SubmissionContext
from airflow_provider_kling.submission.runner import can_look_up, run_flow
from airflow_provider_kling.submission.submit import submit_or_attach
from tests.unit.hooks.conftest import MakeClient, MakeHook
from tests.unit.hooks.proxy import LosingProxy
from tests.unit.hooks.scripted_server import Reply, ScriptedServer

BODY = {"image": "https://pictures.example/a.png"}
PLAIN, ENCRYPTED = "http://api.kling.invalid", "https://api.kling.invalid"
LIP_SYNC = {
    "mode": "text2video",
    "video_url": "https://films.example/a.mp4",
    "text": "hi",
    "voice_id": "girlfriend_1_speech02",
    "voice_language": "en",
}


@pytest.mark.parametrize("status", [403, 407, 502])
def test_one_that_refuses_a_tunnel_has_sent_nothing(
    make_client: MakeClient, server: ScriptedServer, status: int
) -> None:
    server.always = Reply(status, b"")
    with pytest.raises(KlingServerError, match=str(status)) as failed:
        make_client(ENCRYPTED, extra={"proxy": server.url}).create(IMAGE_TO_VIDEO, BODY)
    assert server.calls == ["CONNECT api.kling.invalid:443"]
    assert failed.value.job is JobState.NOT_CREATED


@pytest.mark.parametrize("target", [PLAIN, ENCRYPTED])
def test_an_unreachable_proxy_has_sent_nothing(make_client: MakeClient, target: str) -> None:
    with pytest.raises(KlingServerError) as failed:
        make_client(target, extra={"proxy": "http://127.0.0.1:9"}).create(IMAGE_TO_VIDEO, BODY)
    assert failed.value.job is JobState.NOT_CREATED


@pytest.mark.parametrize("target", [PLAIN, ENCRYPTED])
@pytest.mark.parametrize("action", ["close", "reset"])
def test_one_that_breaks_off_leaves_the_job_unknown(
    make_client: MakeClient, server: ScriptedServer, target: str, action: Literal["close", "reset"]
) -> None:
    """Also while it was asked for a tunnel: what urllib3 says then is what it says after the request, too."""
    server.always = Reply(action=action)
    with pytest.raises(KlingServerError, match="A job may have been made") as failed:
        make_client(target, extra={"proxy": server.url}).create(IMAGE_TO_VIDEO, BODY)
    assert len(server.received) == 1
    assert failed.value.job is JobState.MAY_EXIST
    assert "Unable to connect to proxy" not in str(failed.value)


def test_a_tunnel_that_is_cut_after_the_request_leaves_the_job_unknown(
    make_client: MakeClient, tls_server: ScriptedServer, certificate: Path
) -> None:
    with LosingProxy(lambda: tls_server.received) as proxy:
        extra = {"verify": str(certificate), "proxy": proxy.url}
        with pytest.raises(KlingServerError, match="A job may have been made") as failed:
            make_client(tls_server.url, extra=extra).create(IMAGE_TO_VIDEO, BODY)
    assert proxy.heard == ["CONNECT"]
    assert [request.method for request in tls_server.received] == ["POST"]
    assert failed.value.job is JobState.MAY_EXIST


def test_a_certificate_that_is_refused_behind_a_tunnel_means_that_nothing_was_sent(
    make_client: MakeClient, tls_server: ScriptedServer
) -> None:
    with LosingProxy(lambda: False) as proxy, pytest.raises(KlingServerError, match=r"(?i)verify") as failed:
        make_client(tls_server.url, extra={"proxy": proxy.url}).create(IMAGE_TO_VIDEO, BODY)
    assert proxy.heard == ["CONNECT"]
    assert tls_server.received == []
    assert failed.value.job is JobState.NOT_CREATED


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tunnel"])
@pytest.mark.parametrize("named", [False, True], ids=["without a name", "with a name"])
def test_a_lost_response_is_not_paid_twice(
    make_hook: MakeHook, certificate: Path, monkeypatch: pytest.MonkeyPatch, encrypted: bool, named: bool
) -> None:
    monkeypatch.setattr("airflow_provider_kling.submission.submit.LOOKUP_DELAYS", (0.0, 0.0, 0.0))
    endpoint = get_endpoint("videos/text2video" if named else "videos/lip-sync")
    body = {"model_name": "kling-v2-6", "prompt": "x"} if named else {"input": LIP_SYNC}
    pem = str(certificate) if encrypted else None
    with Emulator(certificate=pem) as kling, LosingProxy(once(lambda: kling.jobs)) as proxy:
        hook = make_hook(kling.url, "emulator", extra={"proxy": proxy.url, "verify": pem or True})
        context = SubmissionContext(
            IdempotencyKey("d", "t", "r", -1, 0, "f"), can_look_up(endpoint, True), is_retry=False
        )
        if named:
            submission = run_flow(submit_or_attach(context), hook.client, endpoint, body)
            assert submission.task.task_id == kling.jobs[0].task_id
        else:
            with pytest.raises(KlingSubmissionUnknown):
                run_flow(submit_or_attach(context), hook.client, endpoint, body)
        assert kling.count("POST", endpoint.path) == len(kling.jobs) == 1


def once(reached: Callable[[], Any]) -> Callable[[], bool]:
    """Lose one answer: the first after something has happened."""
    missing: list[bool] = []

    def loses() -> bool:
        if missing or not reached():
            return False
        missing.append(True)
        return True

    return loses
