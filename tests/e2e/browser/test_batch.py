# SPDX-License-Identifier: Apache-2.0
"""Batches and long runs in the tab: progress, filter, pages, ids of 18 digits."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any
from urllib.parse import quote

import pytest

from scripts.local_airflow import ROOT
from tests.e2e.browser.conftest import Gallery
from tests.e2e.browser.stored_runs import BATCH, DAG, INSTANCES, MAPPED, REASON, VERDICT
from tests.e2e.browser.test_first_failure import address, shot
from tests.e2e.browser.test_preview import answer, card, scrolls_sideways, shows
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.support.stored_batch import JOB


@pytest.fixture(scope="session")
def stored(airflow: LiveAirflow) -> str:
    """URL of the page of a run, without its id: see ``stored_runs``."""
    command = [sys.executable, "-m", "tests.e2e.browser.stored_runs", str(airflow.home / "stored")]
    subprocess.run(command, env=airflow.env, cwd=ROOT, check=True)
    return f"{airflow.api.url}/kling/?dag_id={DAG}&run_id="


def job_of(number: int) -> str:
    return str(JOB + number)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_batch_of_a_thousand_rows_is_paged_and_filtered(stored: str, page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    page.goto(f"{stored}{BATCH}&task_id=shoot&map_index=-1")
    page.locator(".card").nth(99).wait_for(state="attached")
    shows(page, ".card:nth-child(-n + 6) .thumb img")
    page.evaluate("scrollTo(0, 0)")
    shot(page, f"batch-{width}")
    assert page.locator(".card").count() == 100
    assert page.get_by_text("980 of 1,000 rows done, 10 refused, 10 failed").is_visible()
    assert not scrolls_sideways(page)
    page.get_by_role("button", name="Next page").click()
    page.get_by_text("101-200 of 1,000").wait_for()
    assert page.locator(".card .name").first.text_content() == "Row 101"
    page.get_by_role("button", name="refused 10").click()
    page.get_by_text("1-10 of 10").wait_for()
    page.locator(".card").first.click()
    page.locator("dialog").get_by_text("Refused by Kling").wait_for()
    assert page.locator("dialog").get_by_text(REASON).is_visible()
    shot(page, f"refused-row-{width}")
    page.get_by_label("Close").click()
    page.get_by_role("button", name="All 1,000").click()
    page.get_by_role("searchbox").fill(job_of(777))
    page.get_by_text("1-1 of 1").wait_for()
    page.locator(".card").click()
    # The ledger holds the beginning of a prompt, the manifest all of it.
    page.get_by_text("a whole prompt of row 777").wait_for()
    shows(page, "dialog img")
    assert page.locator("dialog").get_by_text(job_of(777), exact=True).is_visible()
    shot(page, f"row-{width}")
    assert not scrolls_sideways(page)


def test_a_run_shows_its_batch_among_its_results(stored: str, page: Any) -> None:
    page.goto(f"{stored}{BATCH}")
    page.get_by_text("980 of 1,000 rows done").wait_for()
    page.get_by_text("2 results, 1 not finished").wait_for()
    page.get_by_text("1,001 jobs, 7,848 units, about $27.47").wait_for()
    page.get_by_text("kling-v2-1: 1,000 jobs").wait_for()
    shows(page, ".strip img")
    shot(page, "run-with-batch")
    page.emulate_media(color_scheme="dark")
    shot(page, "run-with-batch-dark")
    page.locator(".card.batch").click()
    page.get_by_text("1-100 of 1,000").wait_for()
    page.get_by_role("button", name="All results of the run").click()
    assert page.locator(".card.batch").is_visible()


def test_the_verdict_of_a_media_check_is_shown_with_the_file(stored: str, page: Any) -> None:
    page.goto(f"{stored}{BATCH}")
    checked = page.locator(".card", has_text="poster")
    checked.get_by_text("check failed").wait_for()
    # The task that checks has no files, so it has no card.
    assert page.locator(".card:not(.batch)").count() == 1
    checked.click()
    shows(page, "dialog img")
    assert page.locator("dialog dd", has_text=VERDICT).is_visible()
    shot(page, "check-failed")


def test_three_hundred_mapped_results_are_shown_in_order(stored: str, page: Any) -> None:
    page.goto(f"{stored}{MAPPED}")
    page.locator(".card").nth(INSTANCES).wait_for(state="attached")
    page.get_by_text("301 results").wait_for()
    names = page.locator(".card .name").all_text_contents()
    assert names == [*(f"film [{at}]" for at in range(INSTANCES)), "refused"]
    assert page.locator("#totals").text_content() == "300 jobs, 2,400 units, about $8.40"
    shows(page, ".card:nth-child(-n + 10) .thumb img")
    shot(page, "mapped")
    last = page.locator(".card", has_text="film [299]")
    last.scroll_into_view_if_needed()
    last.click()
    shows(page, "dialog img")
    assert page.locator("dialog").get_by_text(job_of(INSTANCES - 1), exact=True).is_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_refused_content_that_is_a_result_says_why(stored: str, page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{stored}{MAPPED}")
    page.get_by_label("Filter").fill("forbidden")
    page.get_by_text("1 of 301 results").wait_for()
    assert page.locator(".card:visible .mark").text_content() == "refused"
    assert page.locator(".card:visible").get_by_text(REASON).is_visible()
    page.goto(f"{stored}{MAPPED}&task_id=refused&map_index=-1")
    page.get_by_text("Refused by Kling").wait_for()
    assert page.locator("blockquote").text_content() == "a forbidden product"
    shot(page, f"refused-{width}")
    assert not scrolls_sideways(page)


def test_a_portrait_result_is_shown_whole(stored: str, page: Any) -> None:
    page.goto(f"{stored}{MAPPED}&task_id=film&map_index=1")
    shows(page, "article img")
    shot(page, "portrait")
    box = page.locator("article img").bounding_box()
    assert box["height"] <= 860
    assert page.locator("article img").evaluate("(one) => getComputedStyle(one).objectFit") == "contain"
    assert page.get_by_role("link", name="Download").is_visible()
    assert (
        page.get_by_role("link", name="Log")
        .get_attribute("href")
        .endswith("/runs/mapped/tasks/film/mapped/1")
    )


def test_what_is_not_known_of_a_job_is_not_claimed(airflow: LiveAirflow, page: Any) -> None:
    now = int(time.time() * 1000)
    for values, text in (
        ({"watched": True, "seen_at": now - 4000}, "Kling is working on job 842; the triggerer was seen"),
        ({"watched": True, "seen_at": now - 720_000}, "No triggerer has polled job 842 for 12 min."),
        ({"watched": False, "seen_at": None}, "No triggerer has taken job 842 yet."),
    ):
        answer(page, card(state="deferred", **values))
        page.goto(address(airflow))
        page.get_by_text(text).wait_for()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_real_batch_inside_airflow(
    airflow: LiveAirflow, runs: dict[str, str], gallery: Gallery, page: Any, width: int
) -> None:
    run_id = runs["catalogue"]
    assert airflow.api.wait_for_run("catalogue", run_id, timeout=300) == "success"
    page.set_viewport_size({"width": width, "height": 860})
    page.goto(f"{airflow.api.url}/dags/catalogue/runs/{run_id}/plugin/kling-run")
    if width == 390:
        # Airflow's own bars leave no room for the tab.
        page.wait_for_url("**/kling/?*")
    frame = page if width == 390 else page.frame_locator("iframe")
    frame.locator(".card.batch").wait_for()
    frame.get_by_text("7 of 8 rows done, 1 failed").wait_for()
    frame.locator(".card.batch").click()
    frame.get_by_text("1-8 of 8").wait_for()
    shows(page.frames[-1], ".card .thumb img")
    shot(page, f"airflow-batch-{width}")
    frame.get_by_role("searchbox").fill("teapot")
    frame.get_by_text("1-1 of 1").wait_for()
    frame.locator(".card:visible").first.click()
    shows(page.frames[-1], "dialog img")
    frame.get_by_label("Close").click()
    if width == 1280:
        with page.context.expect_page() as opened:
            frame.get_by_text("Open in a new tab").click()
        assert "/kling/?" in opened.value.url
    if width == 390:
        assert (
            page.get_by_text("Show the run in Airflow")
            .get_attribute("href")
            .endswith(f"runs/{quote(run_id)}")
        )
        page.go_back()
        page.frame_locator("iframe").locator(".card").first.wait_for(state="attached")
        assert "/plugin/kling-run" in page.url
    page.goto(gallery.run_tab)
    if width == 390:
        page.wait_for_url("**/kling/?*")
    frame = page if width == 390 else page.frame_locator("iframe")
    frame.locator(".card").first.wait_for()
    shows(page.frames[-1], ".card video")
    page.frames[-1].evaluate("scrollTo(0, 0)")
    shot(page, f"airflow-run-{width}")
