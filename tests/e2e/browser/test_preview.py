# SPDX-License-Identifier: Apache-2.0
"""The preview tab as people see and use it: mouse, keyboard, phone, dark and light."""

from __future__ import annotations

import io
import os
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from scripts.local_airflow import ROOT
from tests.e2e.browser.conftest import Gallery

SCREENSHOT = ROOT / "docs" / "images" / "preview.webp"
RUN_ID = "manual__2026-11-20T10:00:00+00:00"
PLAYS = """async (video) => {
    const before = video.currentTime;
    await new Promise((done) => setTimeout(done, 700));
    return video.currentTime - before;
}"""


SCROLL = """async (element) => {
    if (element.src || !element.checkVisibility()) return;
    element.scrollIntoView({ block: "nearest" });
    // Its load begins when the observer has seen it, which is after a frame.
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}"""


def shows(page: Any, selector: str) -> None:
    """Scroll to each visible image or video there, as they load lazily, and wait until all are decoded."""
    page.locator(selector).first.wait_for(state="attached")
    for element in page.locator(selector).all():
        element.evaluate(SCROLL)
    page.wait_for_function(
        """(selector) => {
            const found = [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
            return found.length && found.every((each) => (each.naturalWidth ?? each.videoWidth) > 0);
        }""",
        arg=selector,
    )


def scrolls_sideways(page: Any) -> bool:
    return bool(
        page.evaluate(
            """() => [document.documentElement, ...document.querySelectorAll("dialog[open], .detail")]
                .some((each) => each.scrollWidth > each.clientWidth + 1)"""
        )
    )


def lightness(page: Any, css: str) -> float:
    """Lightness of a colour of the page's text or background, from 0 to 1."""
    return float(
        page.evaluate(
            """(css) => {
                const paint = document.createElement("canvas").getContext("2d");
                paint.fillStyle = getComputedStyle(document.querySelector(".card"))[css];
                paint.fillRect(0, 0, 1, 1);
                const [red, green, blue] = paint.getImageData(0, 0, 1, 1).data;
                return (0.3 * red + 0.6 * green + 0.1 * blue) / 255;
            }""",
            css,
        )
    )


def test_a_runs_tab_shows_everything_that_was_made(gallery: Gallery, page: Any) -> None:
    page.goto(gallery.run_tab)
    frame = page.frame_locator("iframe")
    frame.locator(".card").nth(7).wait_for()
    assert frame.locator(".card").count() == 8
    assert frame.locator("#count").text_content() == "8 results"
    tab = page.frames[-1]
    shows(tab, ".card video")
    if os.environ.get("KLING_SCREENSHOT"):
        save_screenshot(page)
    shows(tab, ".card img")
    # Cards stand in the order in which tasks started, which differs from run to run.
    assert frame.locator(".card", has_text="kling-v3 · 5 s · 3 units").count() == 6


def save_screenshot(page: Any) -> None:
    """Store the README's image of the page, with two pixels for one, in all colours."""
    from PIL import Image

    context = page.context.browser.new_context(
        viewport=page.viewport_size,
        device_scale_factor=2,
        storage_state=page.context.storage_state(),
        locale="en-US",
        timezone_id="UTC",
    )
    sharp = context.new_page()
    sharp.goto(page.url)
    sharp.frame_locator("iframe").locator(".card").first.wait_for()
    shows(sharp.frames[-1], ".card video")
    sharp.frames[-1].evaluate("scrollTo(0, 0)")
    taken = Image.open(io.BytesIO(sharp.screenshot())).convert("RGB")
    context.close()
    SCREENSHOT.parent.mkdir(exist_ok=True)
    taken.save(SCREENSHOT, "WEBP", quality=88, method=6)


def test_a_task_instances_tab_plays_its_video(gallery: Gallery, page: Any) -> None:
    api = gallery.airflow.api
    path = f"/dags/gallery/dagRuns/{gallery.run_id}/taskInstances/animate/links"
    page.goto(api.call("GET", path, map_index=5)["extra_links"]["Result"])
    frame = page.frame_locator("iframe")
    facts = frame.locator("dl").text_content()
    assert "their shadows cross the fields <in a minute>" in facts
    for text in ("Modelkling-v3", "Length5 s", "Charge3 units", "30 days", f"Stored at{gallery.kept}"):
        assert text in facts
    video = frame.locator("video")
    shows(page.frames[-1], "video")
    video.focus()
    page.keyboard.press("Space")
    assert video.evaluate(PLAYS) > 0.3
    assert video.evaluate("(video) => video.currentSrc").startswith(f"{api.url}/kling/dags/gallery/file?")


def test_images_and_audio_are_shown_too(gallery: Gallery, page: Any) -> None:
    page.goto(gallery.page("posters"))
    shows(page, "article img")
    assert page.locator("article img").count() == 3
    assert page.locator("article img").first.get_attribute("alt").startswith("A poster of a harbour town")
    page.goto(gallery.page("score"))
    sound = page.locator("audio")
    sound.focus()
    page.keyboard.press("Space")
    assert sound.evaluate(PLAYS) > 0.3


def test_the_filter_finds_words_of_prompts_and_names(gallery: Gallery, page: Any) -> None:
    page.goto(gallery.page())
    page.locator(".card").first.wait_for()
    page.get_by_label("Filter").fill("storm harbour")
    assert page.locator(".card:visible").count() == 1
    assert page.locator("#count").text_content() == "1 of 8 results"
    page.get_by_label("Filter").fill("nothing like this")
    assert page.locator(".card:visible").count() == 0


def test_a_keyboard_is_enough(gallery: Gallery, page: Any) -> None:
    page.goto(gallery.page())
    page.locator(".card").first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "filter"
    # Only the videos, wherever the images and the audio stand.
    page.keyboard.type("animate")
    names = page.locator(".card:visible .name").all_text_contents()
    assert len(names) == 6
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    title = page.locator("#viewer-title")
    assert title.text_content() == names[1]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert title.text_content() == names[2]
    for _ in range(20):
        if page.evaluate("document.activeElement.tagName") == "VIDEO":
            break
        page.keyboard.press("Tab")
    shows(page, "dialog video")
    page.keyboard.press("Space")
    assert page.locator("dialog video").evaluate(PLAYS) > 0.3
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert page.locator("dialog video").count() == 0
    assert names[2] in page.evaluate("document.activeElement.textContent")
    # At the end of the row the arrows stay usable.
    page.locator(".card:visible").first.press("Enter")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    assert title.text_content() == names[1]


@pytest.mark.parametrize("width", [320, 360])
def test_it_fits_a_phone(gallery: Gallery, page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(gallery.page())
    page.locator(".card").first.wait_for()
    assert not scrolls_sideways(page)
    page.locator(".card", has_text="kling-v3 · 5 s").first.click()
    shows(page, "dialog video")
    assert not scrolls_sideways(page)
    assert page.locator("dialog").bounding_box()["width"] >= width - 16
    for task_id, index in (("animate", 0), ("posters", None), ("score", None)):
        page.goto(gallery.page(task_id, index))
        page.locator("article").wait_for()
        assert not scrolls_sideways(page)


def test_it_is_dark_or_light_as_airflow_is(gallery: Gallery, page: Any) -> None:
    for system, chosen, dark in (
        ("light", "system", False),
        ("dark", "system", True),
        ("light", "dark", True),
        ("dark", "light", False),
    ):
        page.emulate_media(color_scheme=system)
        page.goto(gallery.page())
        page.evaluate("(theme) => localStorage.setItem('theme', theme)", chosen)
        page.reload()
        page.locator(".card").first.wait_for()
        text, back = lightness(page, "color"), lightness(page, "backgroundColor")
        assert (text > back) is dark
        assert abs(text - back) > 0.6


def test_a_mapped_task_without_an_index_shows_all_its_results(gallery: Gallery, page: Any) -> None:
    page.goto(gallery.page("animate"))
    page.locator(".card").nth(5).wait_for()
    assert page.locator(".card").count() == 6


def test_what_cannot_be_read_here_is_played_from_kling(gallery: Gallery, page: Any) -> None:
    (kept,) = {path.parent for path in gallery.kept.glob("*/0-audio.mp3")}
    kept.rename(kept.with_name("elsewhere"))
    try:
        page.goto(gallery.page("score"))
        page.wait_for_function("() => document.querySelector('audio')?.duration > 0")
        source = page.locator("audio").evaluate("(audio) => audio.currentSrc")
        assert not source.startswith(gallery.airflow.api.url)
    finally:
        kept.with_name("elsewhere").rename(kept)


def card(**values: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("label", "prompt", "model", "endpoint", "external_id", "units", "created_at"))
    more = {"id": "film/-1", "task_id": "film", "map_index": -1, "try_number": 1, "job": "842", "items": []}
    return {**empty, "updated_at": None, "expires_at": None, **more, **values}


def answer(page: Any, *cards: dict[str, Any], status: int = 200) -> None:
    """Let the page's next requests be answered with these cards."""
    page.unroute("**/cards?*")
    page.route("**/cards?*", lambda route: route.fulfill(status=status, json={"cards": cards, "next": None}))


@pytest.mark.parametrize("run_id", [RUN_ID, RUN_ID.replace(":", "%3A").replace("+", "%2B")])
def test_run_ids_arrive_as_they_are(gallery: Gallery, page: Any, run_id: str) -> None:
    # Airflow 3.1 does not quote parts of the URL.
    answer(page, card(state="success"))
    with page.expect_request("**/cards?*") as asked:
        page.goto(f"{gallery.airflow.api.url}/kling/?dag_id=gallery&run_id={run_id}")
    query = parse_qs(urlsplit(asked.value.url).query)
    assert query == {"run_id": [RUN_ID], "offset": ["0"]}


def test_a_running_job_becomes_its_result(gallery: Gallery, page: Any) -> None:
    page.clock.install()
    answer(page, card(state="deferred"))
    page.goto(gallery.page("film"))
    assert page.get_by_text("Kling is working on job 842.").is_visible()
    answer(page, card(state="failed"))
    page.clock.run_for(6000)
    page.get_by_text("The task failed; its log says why.").wait_for()


def test_tasks_that_make_no_files_are_no_part_of_a_run(gallery: Gallery, page: Any) -> None:
    answer(page, card(state="success"), card(state="failed", id="another/-1"))
    page.goto(gallery.page())
    page.get_by_text("The task failed; its log says why.").wait_for()
    assert page.locator("#count").text_content() == "1 result"
    page.goto(gallery.page("film"))
    page.get_by_text("There is no image, video or audio to show.").wait_for()


def test_a_deleted_result_says_so(gallery: Gallery, page: Any) -> None:
    url = f"{gallery.airflow.api.url}/none.mp4"
    item = {"media": "video", "seconds": 5.0, "path": None, "file": None, "url": url}
    answer(page, card(state="success", items=[item], expires_at=1_700_000_000_000))
    page.goto(gallery.page("film"))
    page.get_by_text("Kling has deleted this file (Nov 14, 2023), and no copy was stored.").wait_for()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, "Your session has ended"),
        (403, "You may not see the results of this DAG."),
        (500, "Airflow answered with status 500."),
    ],
)
def test_a_refusal_is_shown(gallery: Gallery, page: Any, status: int, text: str) -> None:
    answer(page, status=status)
    page.goto(gallery.page())
    page.get_by_text(text).wait_for()
    assert page.locator(".card").count() == 0


def test_the_readmes_image_is_sharp_and_small() -> None:
    from PIL import Image

    with Image.open(SCREENSHOT) as image:
        assert (image.format, image.mode, image.width) == ("WEBP", "RGB", 2560)
    assert SCREENSHOT.stat().st_size < 500_000
    assert SCREENSHOT.name in (ROOT / "README.md").read_text("utf-8")
