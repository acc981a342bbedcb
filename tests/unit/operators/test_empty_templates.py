# SPDX-License-Identifier: Apache-2.0
"""Templates that come to nothing, and jobs that would cost too much, are stopped before anything is paid."""

from __future__ import annotations

import enum
import warnings
from pathlib import Path
from typing import Any

import numpy
import pytest

from airflow_provider_kling.api.templating import holds_none
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators._templates import find_unresolved
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.video import (
    KlingImageToVideoOperator,
    KlingMultiImageToVideoOperator,
    KlingTextToVideoOperator,
    KlingVideoEffectsOperator,
)
from airflow_provider_kling.version_compat import DAG
from tests.unit.operators.conftest import TaskInstance, context_of

pytestmark = pytest.mark.usefixtures("airflow_database")

RENDERED_EMPTY = "{{ nobody }}"


class Log:
    """Stores warnings: Airflow 3 writes a task's log without the handlers of logging."""

    def __init__(self, log_lines: list[str]) -> None:
        self._lines = log_lines

    def warning(self, text: str, *values: Any) -> None:
        self._lines.append(text % values)

    def info(self, *_: Any) -> None:
        """Leave out what is no warning."""


def run(operator: Any, ti: TaskInstance, **values: Any) -> Any:
    operator.render_template_fields(values)
    return operator.execute(context_of(ti))


def test_the_text_none_is_no_prompt(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(task_id="film", poll_interval=0.2, prompt="{{ none }}")
    with pytest.raises(
        KlingRequestInvalid, match=r"prompt is 'None' after rendering: \{\{ none \}\} has no value"
    ):
        run(operator, ti)
    assert not kling_emulator.jobs


def test_results_are_stored_or_nothing_is_submitted(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(task_id="film", prompt="a boat", output_path="{{ where }}")
    with pytest.raises(KlingRequestInvalid, match="output_path is '' after rendering") as caught:
        run(operator, ti, where="")
    assert "No job was made and nothing is charged" in str(caught.value)
    assert not kling_emulator.jobs


def test_a_limit_that_rendered_empty_is_no_missing_limit(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(task_id="film", prompt="a boat", max_units="{{ most }}")
    with pytest.raises(KlingRequestInvalid, match="max_units is '' after rendering"):
        run(operator, ti, most="")
    assert not kling_emulator.jobs


@pytest.mark.parametrize(
    ("avoid", "shown"), [("", "''"), (None, "'None'"), (" ", "' '"), ("nan", "'nan'"), ("N/A", "'N/A'")]
)
def test_an_optional_field_is_left_out_with_a_warning(
    avoid: Any, shown: str, kling_emulator: Emulator, ti: TaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = KlingTextToVideoOperator(
        task_id="film", prompt="a boat", negative_prompt="{{ avoid }}", wait_for_completion=False
    )
    report: list[str] = []
    monkeypatch.setattr(type(operator), "log", Log(report))
    run(operator, ti, avoid=avoid)
    assert "negative_prompt" not in kling_emulator.jobs[0].body
    assert (
        f"negative_prompt is {shown} after rendering: {{{{ avoid }}}} has no value, so it is not sent"
        in report
    )


def test_what_has_a_value_or_was_no_template_has_not_vanished() -> None:
    values = {"prompt": "{{ words }}", "image": None, "mode": "", "image_list": [{"image": "{{ x }}"}]}
    assert find_unresolved(values, {**values, "prompt": "a boat"}) == []
    # An array compares with each of its items, and is neither true nor false.
    assert find_unresolved(values, {**values, "image_list": numpy.array(["", "a"])}) == []
    (missing,) = find_unresolved(values, {**values, "image_list": None})
    assert (missing.name, missing.fatal) == ("image_list", False)


@pytest.mark.parametrize("most", ["2.9", 2, "{{ most }}"])
def test_a_job_above_the_limit_is_not_submitted(
    most: Any, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    operator = KlingTextToVideoOperator(task_id="film", prompt="a boat", max_units=most)
    with pytest.raises(KlingRequestInvalid, match=r"^Raise max_units=2.* about 3\.0 units, \$0\.42"):
        run(operator, ti, most=2.5)
    assert not kling_emulator.jobs


def test_a_job_at_the_limit_is_submitted(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(
        task_id="film", prompt="a boat", max_units=3, wait_for_completion=False
    )
    run(operator, ti)
    assert len(kling_emulator.jobs) == 1


def test_a_job_of_unknown_price_cannot_have_a_limit(kling_emulator: Emulator, ti: TaskInstance) -> None:
    image = "https://example.com/a.png"
    operator = KlingVideoEffectsOperator(
        task_id="film", effect_scene="squish", input={"image": image}, max_units=100
    )
    with pytest.raises(KlingRequestInvalid, match="what this job costs cannot be known"):
        run(operator, ti)
    assert not kling_emulator.jobs


@pytest.mark.parametrize("most", [-1, "many", "NaN"])
def test_what_a_limit_must_be(most: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'max_units': .*; expected a number of units"):
        KlingTextToVideoOperator(task_id="film", prompt="a boat", max_units=most)


def test_a_retired_model_is_reported_when_the_dag_is_parsed() -> None:
    expected_text = r"Task 'film': model_name 'kling-v1-6' was retired .* instead: kling-v3"
    with pytest.warns(FutureWarning, match=expected_text):
        KlingTextToVideoOperator(task_id="film", prompt="a boat", model_name="kling-v1-6")


def test_other_templates_are_no_error_at_parse() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KlingTextToVideoOperator(task_id="film", prompt="a boat")
        KlingTextToVideoOperator(task_id="any", prompt="a boat", model_name="{{ params.model }}")
        KlingImageToVideoOperator(task_id="new", image="https://example.com/a.png", model_name="kling-v9")
        # Kling has no other model there; a gateway may.
        KlingMultiImageToVideoOperator(
            task_id="old", prompt="a", image_list=[{"image": "https://a.example/a.png"}]
        )


@pytest.mark.parametrize("value", [None, "", "None", "\n None\n", "  ", "\u200b"])
@pytest.mark.parametrize("field", ["prompt", "multi_prompt[0].prompt", "extra_body.prompt"])
def test_an_empty_prompt_fails_at_any_depth(field: str, value: Any) -> None:
    def at(words: Any) -> dict[str, Any]:
        if field == "prompt":
            return {"prompt": words}
        body = {"prompt": words}
        return {"extra_body": body} if field.startswith("extra") else {"multi_prompt": [body]}

    (missing,) = find_unresolved(at("{{ words }}"), at(value))
    assert (missing.name, missing.fatal) == (field, True)


RESULT = {"task_id": "7", "endpoint": "videos/text2video", "videos": [{"url": "https://a.example/a.mp4"}]}


@pytest.mark.parametrize(
    ("value", "expected_text"),
    [
        ([], "gives an empty list or object"),
        ({}, "gives an empty list or object"),
        ((), "gives an empty list or object"),
        ([None], "gives an empty list or object"),
        ([[], ""], "gives an empty list or object"),
        ({"prompt": None}, "gives an empty list or object"),
        (RESULT, "gives a whole result; name the part"),
        ((text for text in "ab"), "gives an object, not text"),
        (object(), "gives an object, not text"),
        (float("nan"), "has no value"),
        ("null", "has no value"),
        ("undefined", "has no value"),
        ("N/A", "has no value"),
        ("<NA>", "has no value"),
    ],
    ids=lambda each: type(each).__name__ if "0x" in repr(each) else repr(each)[:25],
)
def test_text_of_a_value_that_is_no_prompt_is_not_paid(
    value: Any, expected_text: str, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    operator = KlingTextToVideoOperator(task_id="film", poll_interval=0.2, prompt="{{ value }}")
    with pytest.raises(
        KlingRequestInvalid, match=r"^prompt is .* after rendering: \{\{ value \}\} " + expected_text
    ):
        run(operator, ti, value=value)
    assert not kling_emulator.jobs


@pytest.mark.parametrize("field", ["negative_prompt", "image_tail", "callback_url", "take", "output_path"])
def test_text_of_an_object_is_no_value_of_any_field(
    field: str, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    """It differs in each process, so a retry would ask, and pay, for another job."""
    operator = KlingImageToVideoOperator(
        task_id="film", image="https://a.example/a.png", prompt="a boat", **{field: "{{ value }}"}
    )
    text = r"'<generator .*(gives an object, not text|expected text or a number)"
    with pytest.raises(KlingRequestInvalid, match=rf"^({field} is|Invalid value for '{field}':) {text}"):
        run(operator, ti, value=(word for word in "ab"))
    assert not kling_emulator.jobs


def test_a_whole_result_is_not_spoken(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToSpeechOperator(
        task_id="speak", text="{{ value }}", voice_id="oversea_male1", voice_language="en"
    )
    with pytest.raises(KlingRequestInvalid, match=r"^text is .* gives a whole result; name the part"):
        run(operator, ti, value=RESULT)
    assert not kling_emulator.requests


@pytest.mark.parametrize(
    "value", ['{"scene": "a boat"}', "[a boat]", "(a boat)", "<a boat>", "none of them", "0"]
)
def test_words_that_look_like_a_value_are_a_prompt(
    value: str, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    operator = KlingTextToVideoOperator(task_id="film", prompt="{{ value }}", wait_for_completion=False)
    run(operator, ti, value=value)
    assert kling_emulator.jobs[0].body["prompt"] == value


def test_a_template_in_a_path_is_rendered() -> None:
    operator = KlingTextToVideoOperator(task_id="film", prompt="a", output_path=Path("/films/{{ day }}"))
    operator.render_template_fields({"day": "monday"})
    assert operator.output_path == "/films/monday"


@pytest.mark.parametrize("deleted", [None, "", "None", "\n None\n", "\u200b"])
def test_empty_values_inside_an_xcom_are_found(deleted: Any) -> None:
    with DAG("films"):
        reference = KlingTextToVideoOperator(task_id="first", prompt="a boat").output
    shots = [{"index": 1, "prompt": deleted, "duration": 5}]
    (missing,) = find_unresolved({"multi_prompt": reference}, {"multi_prompt": shots})
    assert (missing.name, missing.fatal) == ("multi_prompt[0].prompt", True)
    (missing,) = find_unresolved(
        {"camera_control": reference}, {"camera_control": {"type": "simple", "config": deleted}}
    )
    assert (missing.name, missing.fatal) == ("camera_control.config", False)
    assert find_unresolved({"multi_prompt": shots}, {"multi_prompt": shots}) == []


@pytest.mark.parametrize("deleted", [None, "", "None", " "])
def test_keys_of_extra_body_are_left_out_with_a_warning(
    deleted: Any, kling_emulator: Emulator, ti: TaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"tag": "{{ gone }}", "deep": {"a": "{{ gone }}", "b": 1}, "list": ["{{ gone }}", "x"]}
    operator = KlingTextToVideoOperator(
        task_id="film", prompt="a boat", extra_body=extra, wait_for_completion=False
    )
    report: list[str] = []
    monkeypatch.setattr(type(operator), "log", Log(report))
    run(operator, ti, gone=deleted)
    body = kling_emulator.jobs[0].body
    assert (body.get("tag", "left out"), body["deep"], body["list"]) == ("left out", {"b": 1}, ["x"])
    assert len([line for line in report if "so it is not sent" in line]) == 3


def test_extra_body_may_be_json_text(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(
        task_id="film", prompt="a boat", extra_body="{{ more | tojson }}", wait_for_completion=False
    )
    run(operator, ti, more={"tag": "a", "gone": None})
    body = kling_emulator.jobs[0].body
    assert body["tag"] == "a"
    assert "gone" not in body


@pytest.mark.parametrize("value", ["None", "nan", "null", ""])
@pytest.mark.parametrize("name", ["output_path", "max_units", "kling_conn_id", "prompt"])
def test_paths_limits_and_prompts_fail_before_payment(
    name: str, value: str, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    fields: dict[str, Any] = {"prompt": "a boat", name: "{{ value }}"}
    with pytest.raises(
        KlingRequestInvalid, match=f"{name} is {value!r} after rendering: .* Check the task and the key"
    ):
        run(KlingTextToVideoOperator(task_id="film", **fields), ti, value=value)
    assert not kling_emulator.jobs


def test_an_enumeration_of_texts_is_rendered_to_its_value(kling_emulator: Emulator, ti: TaskInstance) -> None:
    mode = enum.Enum("Mode", {"PRO": "pro"}, type=str)
    operator = KlingTextToVideoOperator(
        task_id="film", prompt="a boat", mode=mode.PRO, duration=numpy.int64(5), wait_for_completion=False
    )
    run(operator, ti)
    assert kling_emulator.jobs[0].body["mode"] == "pro"
    assert kling_emulator.jobs[0].body["duration"] == "5"


@pytest.mark.parametrize(
    ("template", "rendered", "missing"),
    [
        ("A harbour in {{ x }}", "A harbour in None", True),
        ("A harbour in {{ x }}\n", "A harbour in None", True),
        ("A harbour in {{ x }}, {{ y }}", "A harbour in Bergen, None", True),
        ("A harbour in {{ x }} at {{ y }}", "A harbour in None at night", True),
        ("{{ x }} {{ y }}", "None sleeps", True),
        ("{{ x }} {{ y }}", "None of them sleeps", False),
        ("{{ x }} smile", "None of them smile", False),
        ("None of {{ x }}", "None of them", False),
        ("A harbour in {{ x }}", "A harbour in ", False),
        ("A harbour{{ x }}{{ y }}", "A harbour, None", False),
        ("{% if x %}None{% endif %} {{ y }}", "None at night", False),
        ("{{ x }}" * 50, "a None", False),
        ("A {{ x }}", "A " + "None " * 5000, False),
    ],
)
def test_a_part_of_a_prompt_that_has_no_value_is_found(template: str, rendered: str, missing: bool) -> None:
    assert holds_none(template, rendered) is missing
    found = find_unresolved({"prompt": template}, {"prompt": rendered})
    assert [(each.partial, each.fatal) for each in found] == ([(True, True)] if missing else [])
    assert not find_unresolved({"negative_prompt": template}, {"negative_prompt": rendered})


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda words: KlingTextToVideoOperator(task_id="film", prompt=words),
        lambda words: KlingTextToVideoOperator(
            task_id="film", multi_shot=True, shot_type="customize", multi_prompt=[{"prompt": words}]
        ),
        lambda words: KlingTextToSpeechOperator(
            task_id="film", text=words, voice_id="a", voice_language="en"
        ),
        lambda words: KlingBatchOperator(
            task_id="film", endpoint="videos/text2video", requests=[{"prompt": words}], output_path="/films"
        ),
    ],
    ids=["prompt", "deep prompt", "speech", "row"],
)
def test_a_prompt_with_a_part_without_a_value_is_not_paid(
    make: Any, native: bool, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    with DAG("parts", schedule=None, render_template_as_native_obj=native):
        operator = make("A harbour in {{ town }}")
    with pytest.raises(
        KlingRequestInvalid, match=r"'A harbour in None' after rendering: .* has a part without a value"
    ):
        run(operator, ti, town=None)
    assert not kling_emulator.jobs


class Town:
    """An object without text of its own, such as a parameter of ``@dag``."""


@pytest.mark.parametrize(
    ("arguments", "location"),
    [
        ({"prompt": f"A harbour in {Town()}"}, "prompt"),
        ({"prompt": "a", "negative_prompt": str(Town())}, "negative_prompt"),
        ({"prompt": "a", "callback_url": f"https://a.example/{Town()}"}, "callback_url"),
        ({"prompt": "a", "extra_body": {"tag": f"{Town()} 1"}}, "extra_body.tag"),
        ({"prompt": "a", "output_path": f"/films/{Town()}"}, "output_path"),
        ({"prompt": "a", "take": f"x-{Town()}"}, "take"),
        (
            {"multi_shot": True, "shot_type": "customize", "multi_prompt": [{"prompt": f"{Town()}"}]},
            "multi_prompt[0].prompt",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_the_text_of_an_object_fails_in_the_dag_file(arguments: dict[str, Any], location: str) -> None:
    with pytest.raises(KlingRequestInvalid) as caught:
        KlingTextToVideoOperator(task_id="film", **arguments)
    assert str(caught.value).startswith(f"Invalid value for '{location}': ")


def test_the_text_of_an_object_names_the_remedy() -> None:
    with pytest.raises(KlingRequestInvalid) as caught:
        KlingTextToVideoOperator(task_id="film", prompt=f"A harbour in {Town()}")
    remedy = "Invalid value for 'prompt': the text of an object; write a template, such as {{ params.town }}"
    assert str(caught.value).startswith(remedy)
    assert "Town object at 0x" in str(caught.value)
