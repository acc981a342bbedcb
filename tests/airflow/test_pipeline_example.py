# SPDX-License-Identifier: Apache-2.0
"""The example from a catalogue to published videos: a refusal is answered, and nothing is paid twice."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import airflow
import pytest
from packaging.version import Version

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import EXAMPLES
from tests.support.films import write_film
from tests.support.reviews import answer_reviews

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(
        Version(airflow.__version__) < Version("3.3"), reason="dag.test() lets a person answer since 3.3"
    ),
]

FILE = EXAMPLES / "example_kling_make_check_review_publish.py"
IMAGE = str(EXAMPLES / "assets" / "mug_1.jpg")
PRODUCTS = [
    {"sku": "one", "image": IMAGE, "prompt": "a forbidden mug"},
    {"sku": "two", "image": IMAGE, "prompt": "steam rises"},
]
ANSWER = {"prompt": "a red mug"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer each review with another prompt, as *Required Actions* does; return what has been asked."""
    from airflow.sdk.definitions import dag

    asked: list[str] = []
    run_task = dag._run_task

    def run_and_answer(*, ti: Any, **arguments: Any) -> Any:
        done = run_task(ti=ti, **arguments)
        if ti.task_id == "review":
            asked.extend(answer_reviews("Make again", ANSWER))
        return done

    monkeypatch.setattr(dag, "_run_task", run_and_answer)
    return asked


@pytest.fixture
def run(
    kling_emulator: Emulator, dags_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[bool], Any]:
    """Run the example, which stores its results in a folder of the test."""
    monkeypatch.setenv("KLING_EXAMPLE_STORAGE", str(tmp_path))
    kling_emulator.faults.set({"refused_word": "forbidden"})
    shutil.copy(FILE, dags_folder)

    def run(deferrable: bool, retries: int = 2) -> Any:
        dag = runpy.run_path(str(FILE))["dag"]
        for name in ("make", "make_again"):
            dag.get_task(name).partial_kwargs.update(
                deferrable=deferrable, poll_interval=0.2, retries=retries
            )
        done = dag.test(run_conf={"products": PRODUCTS})
        assert done.state == "success"
        return done

    return run


def states(run: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for ti in run.get_task_instances():
        found.setdefault(ti.task_id, set()).add(ti.state)
    return found


def result_of_publish(run: Any) -> dict[str, list[dict[str, Any]]]:
    (ti,) = [ti for ti in run.get_task_instances() if ti.task_id == "publish"]
    result: dict[str, list[dict[str, Any]]] = ti.xcom_pull(task_ids="publish")
    return result


def published(run: Any) -> list[tuple[str, str]]:
    return sorted((each["sku"], each["units"]) for each in result_of_publish(run)["published"])


@pytest.fixture
def spoil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a black film in the place of a product's draft before it is checked."""
    from airflow.sdk.definitions import dag

    run_task = dag._run_task

    def spoil(sku: str) -> None:
        def run_and_spoil(*, ti: Any, **arguments: Any) -> Any:
            if ti.task_id == "check":
                (manifest,) = [
                    path
                    for path in (tmp_path / "drafts").glob("*/manifest.json")
                    if json.loads(path.read_text())["labels"]["sku"] == sku
                ]
                write_film(manifest.with_name("0-video.mp4"), seconds=5, black=(0, 5), size=(640, 360))
            return run_task(ti=ti, **arguments)

        monkeypatch.setattr(dag, "_run_task", run_and_spoil)

    return spoil


@pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "in_place"])
def test_a_second_run_pays_nothing_and_needs_no_review(
    run: Callable[[bool], Any], asked: list[str], kling_emulator: Emulator, tmp_path: Path, deferrable: bool
) -> None:
    first = run(deferrable)

    assert asked == ["Refused: one"]
    assert set().union(*states(first).values()) == {"success"}
    assert published(first) == [("one", "3"), ("two", "3")]
    jobs = [job.task_id for job in kling_emulator.jobs]
    assert len(jobs) == 2
    names = sorted(path.name for path in (tmp_path / "published").iterdir())
    assert names == ["one.jpg", "one.mp4", "two.jpg", "two.mp4"]
    manifests = [json.loads(path.read_text()) for path in (tmp_path / "drafts").glob("*/manifest.json")]
    edited = {each["labels"]["sku"]: each for each in manifests}["one"]
    assert edited["request"]["prompt"] == ANSWER["prompt"]
    assert edited["labels"]["first_task_id"] == "none"
    assert all(each["media_check"]["passed"] for each in manifests)

    asked.clear()
    second = run(deferrable)

    assert asked == []
    assert [job.task_id for job in kling_emulator.jobs] == jobs
    assert published(second) == [("one", "0"), ("two", "0")]
    found = states(second)
    assert found["make_again"] == found["review"] == {"skipped"}
    assert found["make"] == found["check"] == found["publish"] == {"success"}


def test_a_rejected_video_is_not_published_and_the_run_says_so(
    run: Callable[[bool], Any],
    asked: list[str],
    spoil: Callable[[str], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil("two")
    done = run(False)

    assert asked == ["Refused: one"]
    assert published(done) == [("one", "3")]
    assert sorted(path.name for path in (tmp_path / "published").iterdir()) == ["one.jpg", "one.mp4"]
    (rejected,) = result_of_publish(done)["rejected"]
    assert rejected["sku"] == "two"
    assert rejected["failures"][0] == "100% of the frames are black; at most 25% allowed"
    assert Path(rejected["path"].removeprefix("file://")).exists(), "it stays a draft"
    assert "Not published: two: 100% of the frames are black" in capsys.readouterr().out


@pytest.fixture
def bad_jobs(kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Let the files of the first jobs of a prompt count as black, whenever they are checked."""
    from airflow_provider_kling.results import media_check

    check = media_check._check

    def spoil(prompt: str, count: int) -> None:
        def check_and_spoil(file: Any, rules: Any) -> Any:
            jobs = [job.task_id for job in kling_emulator.jobs if job.body.get("prompt") == prompt]
            bad = any(f"/{name}/" in file.uri for name in jobs[:count])
            found = check(file, rules)
            return replace(found, failures=("it is black",)) if bad else found

        monkeypatch.setattr(media_check, "_check", check_and_spoil)

    return spoil


@pytest.mark.parametrize("bad", [1, 2])
def test_a_bad_video_is_made_once_more_and_does_not_stop_the_others(
    run: Callable[..., Any],
    asked: list[str],
    bad_jobs: Callable[[str, int], None],
    kling_emulator: Emulator,
    bad: int,
) -> None:
    bad_jobs("steam rises", bad)
    done = run(False, retries=0)

    assert [job.body["prompt"] for job in kling_emulator.jobs].count("steam rises") == 2
    assert len(kling_emulator.jobs) == 3
    found = states(done)
    assert found["make"] == ({"success"} if bad == 1 else {"success", "failed"})
    assert found["publish"] == {"success"}
    assert asked == ["Refused: one"]
    result = result_of_publish(done)
    if bad == 1:
        assert published(done) == [("one", "3"), ("two", "3")]
        assert result["rejected"] == []
        return
    assert published(done) == [("one", "3")]
    (rejected,) = result["rejected"]
    assert (rejected["sku"], rejected["failures"]) == (
        "two",
        ["refused and dropped, or its videos fail the check"],
    )
