# SPDX-License-Identifier: Apache-2.0
"""What people see when something went wrong: failed tasks, and the button that tests a connection."""

from __future__ import annotations

import json
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser.test_preview import answer, card, scrolls_sideways
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.support.connection_form import fill_form, open_form

JOB = "178901234567800001"
ERROR = (
    f"Still running at Kling; do not clear: if no retry follows, fetch {JOB}. "
    f"Job {JOB} has not ended in time (last "
    "status: processing). The job continues at Kling and may be charged. A retry of this task attaches to "
    "it; a clear makes a new one, which is charged."
)
FAILED = {
    "state": "failed",
    "job": JOB,
    "endpoint": "videos/text2video",
    "conn_id": "studio",
    "output_path": "s3://aws_default@films/out",
}


def address(airflow: LiveAirflow, task_id: str = "film") -> str:
    return f"{airflow.api.url}/kling/?dag_id=gallery&run_id=r&task_id={task_id}&map_index=-1"


def shot(page: Any, name: str) -> None:
    """Save what the page looks like, where a folder for it is named."""
    if folder := os.environ.get("KLING_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_failed_task_says_why_and_what_to_do(airflow: LiveAirflow, page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    answer(page, card(**FAILED, error=ERROR, job_state="exists"))
    page.goto(address(airflow))
    page.get_by_text("Still running at Kling; do not clear").wait_for()
    shot(page, f"failed-{width}")
    snippet = page.locator("pre").text_content()
    assert f'kling_task_id="{JOB}"' in snippet
    assert 'kling_conn_id="studio"' in snippet
    assert 'output_path="s3://aws_default@films/out"' in snippet
    compile(snippet, "snippet", "exec")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy job id").click()
    assert page.evaluate("navigator.clipboard.readText()") == JOB
    # Once, with the error.
    assert page.get_by_text(JOB, exact=True).count() == 1
    assert not scrolls_sideways(page)


def test_an_interrupted_task_says_what_a_retry_and_a_clear_do(airflow: LiveAirflow, page: Any) -> None:
    answer(page, card(**FAILED, error=None))
    page.goto(address(airflow))
    page.get_by_text("A retry of this task attaches to the job, or stops rather than pay twice").wait_for()
    page.emulate_media(color_scheme="dark")
    shot(page, "interrupted-dark")


def test_a_job_that_kling_ended_is_not_offered_for_storing(airflow: LiveAirflow, page: Any) -> None:
    text = f"Kling ended job {JOB} as failed: no face found. The job has ended at Kling."
    answer(page, card(**FAILED, error=text, error_type="KlingTaskFailed", job_state="ended"))
    page.goto(address(airflow))
    page.get_by_text("A retry or a clear makes a new job, which is charged.").wait_for()
    assert page.locator("pre").count() == 0


def test_a_run_shows_its_totals_in_its_order(airflow: LiveAirflow, page: Any) -> None:
    made = [
        card(
            state="success",
            id=f"{name}/-1",
            task_id=name,
            job=str(int(JOB) + at + 1),
            units=units,
            usd=str(Decimal(units) * Decimal("0.14")),
            items=[{"media": "video", "seconds": 5.0, "path": None, "file": None, "url": "data:,"}],
            expires_at=int((time.time() + 30 * 86_400 - 60) * 1000),
        )
        for at, (name, units) in enumerate((("zebra", "3"), ("apple", "2.5")))
    ]
    answer(page, *made, card(**FAILED, error=ERROR, id="film/-1"))
    page.goto(f"{airflow.api.url}/kling/?dag_id=gallery&run_id=r")
    page.locator(".card").nth(2).wait_for()
    shot(page, "run")
    assert page.locator(".card .name").all_text_contents() == ["zebra", "apple", "film"]
    assert page.locator("#totals").text_content() == "3 jobs, 5.5 units, about $0.77"
    assert page.get_by_text("not stored, at Kling for 30 days").count() == 2
    # A text of many lines is below the state and does not leave its frame.
    mark, text, thumb = (
        page.locator(f".card:has(.mark) {part}").bounding_box() for part in (".mark", ".standing", ".thumb")
    )
    assert mark["y"] + mark["height"] <= text["y"]
    assert text["y"] + text["height"] <= thumb["y"] + thumb["height"]
    page.locator(".card").first.click()
    assert page.locator("dialog").get_by_text(str(int(JOB) + 1), exact=True).is_visible()


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (30 * 24 - 0.1, "at Kling for 30 days"),
        (47.5, "at Kling for 47 hours"),
        (1.5, "at Kling for 1 hour"),
        (0.5, "at Kling for less than an hour"),
    ],
)
def test_the_time_that_is_left_is_not_overstated(
    airflow: LiveAirflow, page: Any, hours: float, text: str
) -> None:
    item = {"media": "video", "seconds": 5.0, "path": None, "file": None, "url": "data:,"}
    expires = int((time.time() + hours * 3600) * 1000)
    answer(page, card(state="success", items=[item], expires_at=expires), card(state="failed", id="b/-1"))
    page.goto(f"{airflow.api.url}/kling/?dag_id=gallery&run_id=r")
    page.get_by_text(text, exact=False).wait_for()


def test_a_connection_made_in_the_form_can_be_tested(airflow: LiveAirflow, page: Any) -> None:
    known = json.loads(airflow.env["AIRFLOW_CONN_KLING_DEFAULT"])
    dialog = open_form(page, airflow.api.url, "from_the_form_itself")
    # Airflow fixes the order of its own fields; what to leave empty says the placeholder.
    labels = dialog.locator("label, legend").all_text_contents()
    assert [label for label in labels if label in ("API key", "Access Key")] == ["Access Key", "API key"]
    assert dialog.get_by_placeholder("Leave empty with an API key").is_visible()
    shot(page, "connection-form")
    fill_form(dialog, password=known["password"], host=known["host"])
    page.get_by_text("from_the_form_itself").wait_for()
    row = page.get_by_role("row").filter(has_text="from_the_form_itself")
    with page.expect_response("**/connections/test") as answered:
        row.get_by_role("button", name="Test", exact=False).first.click()
    assert answered.value.status == 200
    assert answered.value.json()["status"] is True, answered.value.text()


def test_a_connection_without_a_port_can_be_tested_from_the_list(airflow: LiveAirflow, page: Any) -> None:
    known = json.loads(airflow.env["AIRFLOW_CONN_KLING_DEFAULT"])
    extra = known.get("extra")
    stored = {
        "connection_id": "from_the_form",
        "conn_type": "kling",
        "host": f"{known['host']}:{known['port']}" if known.get("port") else known["host"],
        "password": known["password"],
        "login": known.get("login"),
        "extra": json.dumps(extra) if isinstance(extra, dict) else extra,
    }
    airflow.api.call("POST", "/connections", stored)
    page.goto(f"{airflow.api.url}/connections")
    page.get_by_text("from_the_form", exact=True).wait_for()
    with page.expect_response("**/connections/test") as answered:
        page.get_by_role("button", name="Test", exact=False).first.click()
    assert '"port":0' in answered.value.request.post_data.replace(" ", "")
    assert answered.value.status == 200
    assert answered.value.json()["status"] is True, answered.value.text()
    shot(page, "connections")
