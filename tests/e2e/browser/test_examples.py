# SPDX-License-Identifier: Apache-2.0
"""The examples in which a result goes on to people and to other DAGs, in a real Airflow."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from scripts.local_airflow import wait_until
from tests.e2e.browser.conftest import APPROVAL, LANDING, NOTICE
from tests.e2e.browser.test_preview import PLAYS, shows
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.support.storages import S3Server

REACTING = "example_kling_react_to_videos"


def test_a_video_is_watched_and_then_approved(
    airflow: LiveAirflow, runs: dict[str, str], s3_server: S3Server, page: Any
) -> None:
    api, run_id = airflow.api, runs[APPROVAL]
    waiting = ("awaiting_input", "deferred")
    api.wait_for_states(APPROVAL, run_id, "approve", waiting, count=1, timeout=300)
    assert not [key for key in s3_server.stored() if key.startswith("published/")]

    page.goto(f"{api.url}/dags/{APPROVAL}/runs/{run_id}/tasks/approve/required_actions")
    approve = page.url
    page.goto(page.get_by_role("link", name="Watch the video").get_attribute("href"))
    video = page.frame_locator("iframe").locator("video")
    video.wait_for()
    shows(page.frames[-1], "video")
    video.focus()
    page.keyboard.press("Space")
    assert video.evaluate(PLAYS) > 0.3

    page.goto(approve)
    page.get_by_role("button", name="Approve").first.click()
    assert api.wait_for_run(APPROVAL, run_id, timeout=300) == "success"
    assert {ti["try_number"] for ti in api.task_instances(APPROVAL, run_id)} == {1}
    (published,) = [key for key in s3_server.stored() if key.startswith("published/")]
    (draft,) = [
        key for key in s3_server.stored() if key.startswith("drafts/") and key.endswith("0-video.mp4")
    ]
    client = s3_server.client()
    films = [client.get_object(Bucket=s3_server.bucket, Key=key)["Body"].read() for key in (draft, published)]
    assert films[0] == films[1]
    assert films[0][4:8] == b"ftyp"


def test_another_dag_reacts_to_stored_files(
    airflow: LiveAirflow, runs: dict[str, str], s3_server: S3Server
) -> None:
    api, run_id = airflow.api, runs[LANDING]
    assert api.wait_for_run(LANDING, run_id, timeout=300) == "success"
    path = api.xcom(LANDING, run_id, "make")["videos"][0]["path"]

    runs = wait_until(
        lambda: api.call("GET", f"/dags/{REACTING}/dagRuns")["dag_runs"], 300, "the other DAG's run"
    )
    reaction = runs[0]["dag_run_id"]
    assert api.wait_for_run(REACTING, reaction, timeout=300) == "success"
    assert api.xcom(REACTING, reaction, "react") == [path]
    assert path.partition(f"{s3_server.bucket}/")[2] in s3_server.stored()
    (event,) = api.call("GET", "/assets/events", source_dag_id=LANDING)["asset_events"]
    assert {"duration": 5.0, "units": "3", "model": "kling-v3", "paths": [path]}.items() <= event[
        "extra"
    ].items()
    assert "sign" not in str(event["extra"]).lower()


def test_a_notifier_posts_the_link(airflow: LiveAirflow, runs: dict[str, str], chat: list[Any]) -> None:
    api, run_id = airflow.api, runs[NOTICE]
    assert api.wait_for_run(NOTICE, run_id, timeout=300) == "success"
    wait_until(lambda: chat, 60, "the notice")
    (message,) = chat
    place = f"{api.url}/dags/{NOTICE}/runs/{quote(run_id, safe='')}/tasks/animate"
    assert message == {"text": f"A new video: {place}/plugin/kling"}
