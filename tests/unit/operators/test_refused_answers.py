# SPDX-License-Identifier: Apache-2.0
"""Answers that are not Kling's own: nothing is paid twice, and nothing is given up."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.batch import circuit_breaker
from airflow_provider_kling.exceptions import JobState, KlingError
from airflow_provider_kling.hooks import flows
from airflow_provider_kling.submission import submit
from tests.unit.hooks.scripted_server import Received, Reply
from tests.unit.operators.conftest import TaskInstance
from tests.unit.operators.one_job import (
    NAME,
    READERS,
    SINGLE,
    Kling,
    Variant,
    fetch,
    ledger,
    run_batch,
    running,
    server,
)

__all__ = ["running", "server"]

PAGE = b"<html><head><title>Proxy</title></head><body>no</body></html>"
NO_JOB = Reply(404, {"code": 1203, "message": "task not found"})
ALL = {**SINGLE, **READERS, "batch": run_batch}

CREATES: dict[str, Reply] = {
    "403 page": Reply(403, PAGE),
    "409 JSON": Reply(409, {"message": "conflict"}),
    "unknown code": Reply(200, {"code": 7777, "message": "internal"}),
    "cut": Reply(action="cut"),
}

READS: dict[str, Reply] = {
    **{f"{status} page": Reply(status, PAGE) for status in (302, 400, 403, 404, 451, 999)},
    **{f"{status} JSON": Reply(status, {"message": "no"}) for status in (405, 409)},
    "1103": Reply(403, {"code": 1103, "message": "no permission"}),
    "1304": Reply(429, {"code": 1304, "message": "address"}),
    "1301": Reply(400, {"code": 1301, "message": "risk control"}),
    "401": Reply(401, {"code": 1002, "message": "no"}),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "LOOKUP_DELAYS", (0.01, 0.01, 0.01))
    monkeypatch.setattr(submit, "AUTH_RETRY_DELAYS", (0.01, 0.01))
    monkeypatch.setattr(flows, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(circuit_breaker, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(circuit_breaker, "_MAX_DELAY", 0.05)


class Script:
    """Answers some reads or create calls with a reply that is not Kling's own.

    :param reads: reads that get it.
    :param creates: create calls that get it, each of which makes the job.
    :param blind: look-ups after these that do not find the job.
    """

    def __init__(self, server: Kling, reply: Reply, reads: int = 0, creates: int = 0, blind: int = 0) -> None:
        self.server, self.reply = server, reply
        self.reads, self.creates, self.blind = reads, creates, blind
        self.made = not creates

    def __call__(self, request: Received) -> Reply:
        if request.target == NAME:
            return self.server._answer(request)
        if request.method == "POST":
            self.made = True
            if self.creates:
                self.creates -= 1
                return self.reply
        elif self.reads:
            self.reads -= 1
            return self.reply
        elif self.blind or not self.made:
            self.blind -= self.made
            return NO_JOB
        return self.server._answer(request)


@pytest.mark.parametrize("option", ALL.values(), ids=list(ALL))
@pytest.mark.parametrize("reply", READS.values(), ids=list(READS))
def test_a_refused_read_ends_nothing(
    *,
    ti: TaskInstance,
    server: Kling,
    tmp_path: Path,
    option: Variant,
    reply: Reply,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "route", Script(server, reply, reads=1))
    # A read has no content that could be refused, and 999 is no answer: the client repeats it at once.
    if option is fetch and reply not in (READS["1301"], READS["999 page"]):
        with pytest.raises(KlingError) as refused:
            option(ti, tmp_path)
        assert not isinstance(refused.value, AirflowFailException)
        ti = ti.retried()
    result = option(ti, tmp_path)
    assert result.get("task_id") == "8" or result["done"] == 1
    assert server.creates == (option not in READERS.values())


# A batch that loses answers asks for its rows again and again before it gives up.
LOOKED_FOR = {
    f"{reply}, {variant}": (CREATES[reply], {**SINGLE, "batch": run_batch}[variant])
    for reply in CREATES
    for variant in (*SINGLE, "batch")
    if variant != "batch" or reply.startswith("4")
}


@pytest.mark.parametrize(("reply", "option"), LOOKED_FOR.values(), ids=list(LOOKED_FOR))
def test_a_job_that_may_exist_is_looked_for_until_it_is_found(
    *,
    ti: TaskInstance,
    server: Kling,
    tmp_path: Path,
    option: Variant,
    reply: Reply,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(server, reply, creates=1_000, blind=1_000)
    monkeypatch.setattr(server, "route", script)
    with pytest.raises(KlingError) as failed:
        option(ti, tmp_path)
    assert not isinstance(failed.value, AirflowFailException), "a retry looks again"
    assert "No job was made" not in str(failed.value)
    if option is run_batch:
        assert ledger(tmp_path)["state"] == "planned"
    else:
        assert failed.value.job is JobState.MAY_EXIST
    script.blind = script.creates = 0
    calls = server.creates
    result = option(ti.retried(), tmp_path)
    assert result.get("task_id") == "8" or result["done"] == 1
    assert server.creates == calls
