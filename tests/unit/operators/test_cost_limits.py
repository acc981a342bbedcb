# SPDX-License-Identifier: Apache-2.0
"""Limits in US dollars, and the lengths that they need."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingBudgetSpent, KlingRequestInvalid
from airflow_provider_kling.inputs.cost_limits import lowest_units, parse_usd
from airflow_provider_kling.inputs.prepared_request import parse_units
from airflow_provider_kling.operators._priced_length import upstream_length
from airflow_provider_kling.operators.avatar import KlingAvatarImageToVideoOperator
from airflow_provider_kling.operators.batch import KlingBatchOperator
from tests.support.dag_runs import run as run_dag
from tests.unit.batch.conftest import Batch, rows
from tests.unit.operators.conftest import IMAGE_URL, LogLines, TaskInstance, context_of, image_to_video, run

__all__ = ["run_dag"]


@pytest.mark.parametrize("limit", [0.42, "0.42", "$0.42", Decimal("0.42"), "{{ limit }}"])
def test_a_job_at_the_limit_is_submitted(limit: Any, kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = image_to_video(max_usd=limit)
    operator.render_template_fields({"limit": "0.42"})
    run(operator, ti)
    assert len(kling_emulator.jobs) == 1
    # What was asked for says both.
    assert (ti.xcoms["request"]["estimate"], ti.xcoms["request"]["estimate_usd"]) == ("3.0", "0.42")


@pytest.mark.parametrize(
    ("limit", "expected_text"),
    [
        (0.41, r"^Raise max_usd=0\.41 .*about 3\.0 units, \$0\.42 by the list price of 20\d\d-\d\d"),
        ("{{ none }}", "max_usd is '' after rendering|max_usd is 'None' after rendering"),
        ("{{ ' ' }}", "max_usd is ' ' after rendering"),
    ],
)
def test_a_job_above_the_limit_is_not_submitted(
    limit: Any, expected_text: str, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    operator = image_to_video(max_usd=limit)
    operator.render_template_fields({})
    with pytest.raises(KlingRequestInvalid, match=expected_text):
        run(operator, ti)
    assert not kling_emulator.jobs


AMOUNTS: dict[str, tuple[Any, str | None]] = {
    "whole": (3, "3"),
    "float": (0.1, "0.1"),
    "single precision": (np.float32(0.1), "0.1"),
    "Decimal with zeros": (Decimal("3.00"), "3"),
    "text with blanks": (" 2.5 ", "2.5"),
    "exponent": ("1e3", "1000"),
    "Python's separator": ("1_000", "1000"),
    "zero": (0, "0"),
    "minus zero": ("-0", "0"),
    "infinite": (float("inf"), None),
    "higher than any account": ("1e999999", "1000000000000"),
    "5000 digits": (10**5000, "1000000000000"),
    "negative": (-0.01, None),
    "negative text": ("-1", None),
    "comma as separator": ("1,000", None),
    "comma as decimal point": ("2,5", None),
    "blank as separator": ("1 000", None),
    "apostrophe as separator": ("1'000", None),
    "two points": ("1.000.000", None),
    "signalling NaN": (Decimal("sNaN"), None),
    "share": ("50%", None),
    "truth": (True, None),
    "list": ([5], None),
}


@pytest.mark.parametrize(("values", "expected"), AMOUNTS.values(), ids=AMOUNTS)
@pytest.mark.parametrize("parse", [parse_units, parse_usd])
def test_a_limit_as_people_write_it(parse: Any, values: Any, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(KlingRequestInvalid, match="Invalid value for 'limit'"):
            parse("limit", values)
    else:
        assert parse("limit", values) == Decimal(expected)


@pytest.mark.parametrize("limit", ["$1,000", "-$5", "$-5", "$", "USD 5"])
def test_dollars_that_are_no_amount(limit: str) -> None:
    with pytest.raises(KlingRequestInvalid, match="Invalid value for 'max_usd'"):
        parse_usd("max_usd", limit)


@pytest.mark.parametrize("limit", ["much", -1, "NaN", True, "€3"])
def test_what_is_no_amount_is_refused_at_parse(limit: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match="Invalid value for 'max_usd'"):
        image_to_video(max_usd=limit)
    with pytest.raises(KlingRequestInvalid, match="Invalid value for 'max_usd'"):
        KlingBatchOperator(
            task_id="b", endpoint="images/generations", requests=[], output_path="/b", max_usd=limit
        )


def test_a_job_without_an_estimate_is_not_submitted(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingAvatarImageToVideoOperator(task_id="a", image=IMAGE_URL, audio_id="7", max_usd=100)
    with pytest.raises(
        KlingRequestInvalid, match=r"^Give expected_seconds: max_usd=100 needs .* before payment"
    ):
        run(operator, ti)
    assert not kling_emulator.jobs


def test_the_log_reports_what_it_costs(
    kling_emulator: Emulator, ti: TaskInstance, log_lines: LogLines
) -> None:
    run(image_to_video(), ti)
    assert log_lines("will cost about 3.0 video units ($0.42 by the list price of 20")


def test_the_lower_limit_applies_to_a_batch(kling_emulator: Emulator, tmp_path: Any) -> None:
    # An image costs 8 units of $0.0035: three are $0.084.
    with pytest.raises(KlingBudgetSpent):
        Batch(str(tmp_path), max_usd="0.09", max_units=100).run(rows(5))
    assert len(kling_emulator.jobs) == 3


@pytest.mark.parametrize("limit", ["{{ none }}", "{{ '' }}"])
def test_a_limit_of_a_batch_that_came_to_nothing(
    limit: str, kling_emulator: Emulator, tmp_path: Any, ti: TaskInstance
) -> None:
    operator = Batch(str(tmp_path)).operator(rows(1), max_usd=limit)
    operator.render_template_fields({})
    with pytest.raises(KlingRequestInvalid, match="max_usd"):
        operator.execute(context_of(ti))
    assert not kling_emulator.jobs


def test_the_lower_limit_counts() -> None:
    images = get_endpoint("images/generations")
    assert lowest_units(images, None, parse_usd("max_usd", 10**5000)) > 10**12  # type: ignore[operator]
    assert lowest_units(images, None, None) is None
    assert lowest_units(images, Decimal(5), None) == 5
    assert lowest_units(images, Decimal(50), Decimal("0.035")) == 10
    # What is no whole number of units is rounded down.
    assert lowest_units(images, None, Decimal("0.01")) == Decimal("2.857142")


AVATAR = {"image": IMAGE_URL, "audio_id": "7"}


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([{**AVATAR, "expected_seconds": 10}, {**AVATAR, "expected_seconds": "5"}], "6.0"),
        ([AVATAR, {**AVATAR, "expected_seconds": 5}], "10.0"),
    ],
)
def test_rows_are_priced_by_their_length(requests: Any, expected: str, kling_emulator: Emulator) -> None:
    operator = KlingBatchOperator(
        task_id="b",
        endpoint="videos/avatar/image2video",
        requests=requests,
        output_path="/nowhere/b",
        expected_seconds="{{ seconds }}",
    )
    operator.expected_seconds = 20
    report = operator.dry_run()
    assert (report["estimate"], report["rows_without_estimate"], report["rows_with_faults"]) == (
        expected,
        0,
        0,
    )
    assert report["examples"][1]["estimate"] == "2.0"


def test_an_invalid_length_makes_its_row_invalid(kling_emulator: Emulator) -> None:
    operator = KlingBatchOperator(
        task_id="b",
        endpoint="videos/avatar/image2video",
        requests=[{**AVATAR, "expected_seconds": "long"}],
        output_path="/nowhere/b",
    )
    assert "Invalid value for 'expected_seconds': 'long'" in operator.dry_run()["faults"][0]


def test_other_lengths_make_no_other_row(kling_emulator: Emulator, tmp_path: Any) -> None:
    batch = Batch(str(tmp_path), endpoint="videos/motion-control")
    row = {
        "image_url": IMAGE_URL,
        "video_url": "https://a.example/v.mp4",
        "character_orientation": "image",
        "mode": "std",
    }
    batch.run([{**row, "expected_seconds": 4}], max_units=3)
    batch.retry().run([{**row, "expected_seconds": 5}], max_units=3)
    assert len(kling_emulator.jobs) == 1


class _Pulls:
    def __init__(self, results: dict[str, Any]) -> None:
        self.results = results
        self.pulled_task_ids: list[str] = []

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        self.pulled_task_ids.append(task_ids)
        if isinstance(found := self.results.get(task_ids), Exception):
            raise found
        return found


class _Task:
    upstream_task_ids = ("say",)

    def get_flat_relative_ids(self, *, upstream: bool) -> set[str]:
        assert upstream
        return {"say", "above"}


VIDEO = "https://a.example/v.mp4"
MESSAGES = {"audios": [{"id": "7", "duration": "4.2"}, {"id": "8", "duration": "9"}]}


@pytest.mark.parametrize(
    ("results", "expected", "seconds"),
    [
        ({"say": MESSAGES}, {"7"}, "4.2"),
        ({"say": [MESSAGES, {"audios": [{"id": 9, "duration": 3.5}]}]}, {"9"}, "3.5"),
        ({"say": None, "above": MESSAGES}, {"8"}, "9"),
        ({"say": RuntimeError("no"), "above": MESSAGES}, {"8"}, "9"),
        ({"say": MESSAGES}, {"6"}, None),
        ({"say": {"audios": [{"id": "7", "duration": "NaN"}]}}, {"7"}, None),
        ({"say": {"audios": [{"id": "7"}]}, "above": "text"}, {"7"}, None),
        (
            {"say": {"videos": [{"url": "https://a.example/v", "duration": "5.1"}]}},
            {"https://a.example/v"},
            "5.1",
        ),
    ],
)
def test_the_length_is_read_from_results_of_upstream_tasks(
    results: Any, expected: Any, seconds: str | None
) -> None:
    found = upstream_length(_Task(), {"ti": _Pulls(results)}, expected)  # type: ignore[typeddict-item]
    assert found == (None if seconds is None else Decimal(seconds))


@pytest.mark.airflow
@pytest.mark.parametrize("field", ["image=IMAGE, audio_id", "image=IMAGE, mode='pro', audio_id"])
def test_a_limit_works_from_speech_to_avatar(field: str, run_dag: Any, kling_emulator: Emulator) -> None:
    states, values = run_dag(
        f"""
        from airflow_provider_kling.operators.audio import *
        from airflow_provider_kling.operators.avatar import *
        IMAGE = "{IMAGE_URL}"
        say = KlingTextToSpeechOperator(
            task_id="say",
            text="Good morning, and welcome to the news of today",
            voice_id="1",
            voice_language="en",
        )
        said = "{{{{ ti.xcom_pull('say')['audios'][0]['id'] }}}}"
        enough = KlingAvatarImageToVideoOperator(
            task_id="enough", {field}=said, max_units=50, max_usd=7, poll_interval=0.2
        )
        little = KlingAvatarImageToVideoOperator(
            task_id="little", {field}=said, max_units="0.3", poll_interval=0.2
        )
        say >> [enough, little]
        """
    )
    assert states == {"say": "success", "enough": "success", "little": "failed"}
    assert len(kling_emulator.jobs) == 2
    assert Decimal(values["enough"]["units"]) > 0
