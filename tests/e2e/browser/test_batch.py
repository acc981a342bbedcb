# SPDX-License-Identifier: Apache-2.0
"""Batches and long runs in the tab: progress, filter, pages, ids of 18 digits."""

from __future__ import annotations

import io
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image, ImageDraw

from tests.e2e.browser.conftest import Gallery
from tests.e2e.browser.test_first_failure import JOB, address, shot
from tests.e2e.browser.test_preview import answer, card, scrolls_sideways, shows
from tests.e2e.live.airflow_processes import LiveAirflow

SQUARE, PORTRAIT = "made/square.png", "made/portrait.png"
SIZES = {"square": (600, 600), "portrait": (540, 960)}
BATCH = {
    **{"rows": 1000, "unit": "image", "units_estimated": "8000", "endpoint": "images/generations"},
    **{"address": "dags/gallery/batch?run_id=r&task_id=film", "sheet": "dags/gallery/sheet?run_id=r"},
}


@pytest.fixture(autouse=True)
def made(page: Any) -> None:
    """Images of both shapes, at addresses beside the page."""

    def draw(route: Any) -> None:
        name = route.request.url.rpartition("/")[2].partition(".")[0]
        image, file = Image.new("RGB", SIZES[name], "teal"), io.BytesIO()
        ImageDraw.Draw(image).ellipse((40, 40, image.width - 40, image.height - 40), fill="khaki")
        image.save(file, "PNG")
        route.fulfill(body=file.getvalue(), content_type="image/png")

    page.route("**/made/*.png", draw)


def row(number: int) -> dict[str, Any]:
    state = "refused" if number % 100 == 7 else "failed" if number % 100 == 9 else "done"
    made = {"media": "image", "seconds": None, "path": f"s3://b/{number}.png", "url": None, "poster": None}
    items = [{**made, "file": PORTRAIT if number % 2 else SQUARE}] if state == "done" else []
    return {
        **{"id": f"row-{number}", "number": number, "state": state, "job": str(int(JOB) + number)},
        **{"units": "8" if items else None, "charges": [], "created_at": None, "external_id": None},
        **{"error": None if items else "Kling refused this prompt.", "prompt": f"product {number}"},
        **{"model": "kling-v2-1", "labels": {}, "items": items, "request": f"dags/gallery/row?key={number}"},
    }


def serve_batch(page: Any, count: int = 1000) -> list[dict[str, list[str]]]:
    """Answer for a batch of so many rows; return what is asked, as it comes in."""
    asked: list[dict[str, list[str]]] = []
    rows = [row(number) for number in range(1, count + 1)]
    states = [each["state"] for each in rows]

    def respond(route: Any) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        asked.append(query)
        group, words = query.get("group", [""])[0], query.get("words", [""])[0].split()
        offset, limit = int(query.get("offset", ["0"])[0]), int(query["limit"][0])
        found = [
            each
            for each in rows
            if group in ("", each["state"])
            and all(word in f"{each['prompt']} {each['job']}" for word in words)
        ]
        counts = {name: states.count(name) for name in ("done", "running", "waiting", "refused", "failed")}
        models = [{"model": "kling-v2-1", "jobs": count, "units": "7840", "usd": "27.44"}]
        numbers = {"total": count, "counts": counts, "units": "7840", "cash": {}, "models": models}
        page_ = {"rows": found[offset : offset + limit], "found": len(found), "offset": offset}
        route.fulfill(json={**page_, **numbers})

    page.route("**/batch?*", respond)
    page.route("**/row?*", lambda route: route.fulfill(json={"prompt": "the whole prompt of this row"}))
    return asked


@pytest.mark.parametrize("width", [1280, 390])
def test_a_batch_of_a_thousand_rows_is_paged_and_filtered(
    airflow: LiveAirflow, page: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    answer(page, card(state="success", batch=BATCH, job=None))
    asked = serve_batch(page)
    page.goto(address(airflow))
    page.locator(".card").nth(99).wait_for(state="attached")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.thumb img')].some((one) => one.naturalWidth)"
    )
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
    assert asked[-1]["group"] == ["refused"]
    page.get_by_role("button", name="All 1,000").click()
    page.get_by_role("searchbox").fill(str(int(JOB) + 777))
    page.get_by_text("1-1 of 1").wait_for()
    page.locator(".card").click()
    page.get_by_text("the whole prompt of this row").wait_for()
    assert page.locator("dialog").get_by_text(str(int(JOB) + 777), exact=True).is_visible()
    shot(page, f"row-{width}")
    assert not scrolls_sideways(page)


def test_a_run_shows_its_batch_among_its_results(airflow: LiveAirflow, page: Any) -> None:
    item = {"media": "image", "seconds": None, "path": "s3://b/1.png", "file": PORTRAIT, "url": None}
    film = card(
        state="success",
        id="poster/-1",
        task_id="poster",
        model="kling-v3",
        units="3",
        usd="0.42",
        items=[item],
    )
    answer(page, film, card(state="running", batch=BATCH, job=None))
    serve_batch(page)
    page.goto(f"{airflow.api.url}/kling/?dag_id=gallery&run_id=r")
    page.get_by_text("980 of 1,000 rows done").wait_for()
    page.get_by_text("2 results, 1 not finished").wait_for()
    page.get_by_text("1,001 jobs, 7,843 units, about $27.86").wait_for()
    page.get_by_text("kling-v2-1: 1,000 jobs").wait_for()
    shows(page, ".strip img")
    shot(page, "run-with-batch")
    page.emulate_media(color_scheme="dark")
    shot(page, "run-with-batch-dark")
    page.locator(".card.batch").click()
    page.get_by_text("1-100 of 1,000").wait_for()
    page.get_by_role("button", name="All results of the run").click()
    assert page.locator(".card.batch").is_visible()


def test_three_hundred_mapped_results_are_shown_in_order(airflow: LiveAirflow, page: Any) -> None:
    item = {"media": "image", "seconds": None, "path": "s3://b/1.png", "file": SQUARE, "url": None}
    all_ = [
        card(id=f"film/{at}", map_index=at, state="success", job=str(int(JOB) + at), units="8", items=[item])
        for at in range(300)
    ]

    def respond(route: Any) -> None:
        offset = int(parse_qs(urlsplit(route.request.url).query)["offset"][0])
        following = offset + 100 if offset + 100 < len(all_) else None
        route.fulfill(json={"cards": all_[offset : offset + 100], "next": following})

    page.route("**/cards?*", respond)
    page.goto(f"{airflow.api.url}/kling/?dag_id=gallery&run_id=r")
    page.locator(".card").nth(299).wait_for(state="attached")
    page.get_by_text("300 results").wait_for()
    names = page.locator(".card .name").all_text_contents()
    assert names == [f"film [{at}]" for at in range(300)]
    assert page.locator("#totals").text_content() == "300 jobs, 2,400 units"
    last = page.locator(".card").last
    last.scroll_into_view_if_needed()
    last.click()
    assert page.locator("dialog").get_by_text(str(int(JOB) + 299), exact=True).is_visible()


def test_a_portrait_result_is_shown_whole(airflow: LiveAirflow, page: Any) -> None:
    item = {"media": "image", "seconds": None, "path": "s3://b/1.png", "file": PORTRAIT, "url": None}
    answer(page, card(state="success", prompt="A lighthouse", units="8", items=[item]))
    page.goto(address(airflow))
    shows(page, "article img")
    shot(page, "portrait")
    box = page.locator("article img").bounding_box()
    assert box["height"] <= 860
    assert page.get_by_role("link", name="Download").is_visible()
    assert page.get_by_role("link", name="Log").get_attribute("href").endswith("/runs/r/tasks/film")


def test_what_is_not_known_of_a_job_is_not_claimed(airflow: LiveAirflow, page: Any) -> None:
    now = int(time.time() * 1000)
    for values, text in (
        ({"watched": True, "seen_at": now - 4000}, "Kling is working on job 842; the triggerer was seen"),
        ({"watched": True, "seen_at": now - 720_000}, "No triggerer has looked at job 842 for 12 min."),
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
    assert airflow.api.wait_for_run("catalogue", run_id, timeout=150) == "success"
    page.set_viewport_size({"width": width, "height": 860})
    page.goto(f"{airflow.api.url}/dags/catalogue/runs/{run_id}/plugin/kling-run")
    frame = page.frame_locator("iframe")
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
            frame.get_by_text("Open in a page of its own").click()
        assert "/kling/?" in opened.value.url
    page.goto(gallery.run_tab)
    page.frame_locator("iframe").locator(".card").first.wait_for()
    shot(page, f"airflow-run-{width}")
