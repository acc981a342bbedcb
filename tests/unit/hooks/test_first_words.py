# SPDX-License-Identifier: Apache-2.0
"""Cause and remedy of a refusal stand in the part of a log's line that Airflow's UI shows."""

from __future__ import annotations

import pytest

from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.hooks.kling import KlingHook
from tests.support.first_lines import SHOWN
from tests.unit.hooks.scripted_server import Reply, ScriptedServer

BODY = {"model_name": "kling-v3", "prompt": "A boat", "duration": "5"}


def refusal(status: int, code: int, message: str = "the vendor's words") -> Reply:
    return Reply(status, {"code": code, "message": message, "request_id": "r-1"})


REFUSALS = [
    pytest.param(
        refusal(401, 1002), "Key rejected: connection 'kling_default', host 127.0.0.1; ", id="the key"
    ),
    pytest.param(
        refusal(429, 1102),
        "No credit: top up at kling.ai/dev/pricing, then clear the task. ",
        id="no units are left",
    ),
    pytest.param(
        refusal(429, 1101),
        "No credit: pay the account's debt at kling.ai/dev, then clear the task. ",
        id="the account has debts",
    ),
    pytest.param(refusal(429, 1100), "Account not in order: see kling.ai/dev. ", id="the account"),
    pytest.param(
        refusal(403, 1103),
        "Not in this account's package: use another model, or ask Kling. ",
        id="no permission",
    ),
    pytest.param(
        refusal(429, 1304),
        "IP not allowed: add this machine's to the account's whitelist. ",
        id="the IP address",
    ),
    pytest.param(
        Reply(402, {"error": {"message": "insufficient user quota"}}),
        "Account rejected: check its credit and permissions in the host's console. ",
        id="a gateway's account",
    ),
    pytest.param(
        refusal(400, 1301), "Content refused: change the prompt or the image. ", id="the content policy"
    ),
    pytest.param(
        refusal(404, 1202, "The requested method is invalid"),
        "Wrong URL: check Host, dialect and base_path of connection 'kling_default'. ",
        id="the URL",
    ),
    pytest.param(
        refusal(404, 1203),
        "No such model or resource at this host: check model_name and ids. ",
        id="the model",
    ),
    pytest.param(refusal(400, 1201, "prompt is too long"), "Correct the request. ", id="a field"),
]


@pytest.mark.parametrize(("reply", "expected_text"), REFUSALS)
def test_a_refused_job_names_the_remedy_first(
    hook: KlingHook, server: ScriptedServer, reply: Reply, expected_text: str
) -> None:
    server.replies = [reply, reply]
    with pytest.raises(KlingError) as caught:
        hook.submit("videos/text2video", BODY)
    assert str(caught.value).startswith(expected_text)
    assert len(expected_text) <= SHOWN
