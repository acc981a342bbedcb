# SPDX-License-Identifier: Apache-2.0
"""Further ways of writing DAGs, several in one DAG: what is made, and what fails before payment."""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from tests.airflow.test_authoring import GREEN, Run, run

__all__ = ["run"]

pytestmark = pytest.mark.airflow

HEAD = """
import os
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.image import *

Image = KlingImageGenerationOperator

"""

RED, SKIPPED = "failed", "skipped"

WAYS: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "params_and_macros": (
        """
        def loud(text):
            return text.upper()

        with DAG(
            "params_and_macros",
            schedule=None,
            params={
                "prompt": Param(None, type=["null", "string"]),
                "count": Param(None, type=["null", "integer"]),
                "without": None,
            },
            user_defined_macros={"town": "Bergen"},
            user_defined_filters={"loud": loud},
        ):
            Image(
                task_id="optional", prompt="A", n="{{ params.count }}", negative_prompt="{{ params.without }}"
            )
            Image(task_id="required", prompt="{{ params.prompt }}")
            Image(task_id="part", prompt="A boat named {{ params.prompt }}")
            Image(task_id="macros", prompt="{{ macros.ds_add('2026-01-01', 3) }} {{ town }} {{ 'b' | loud }}")
            Image(task_id="misspelled", prompt="C {{ town.nme.x }}")
            Image(
                task_id="variable",
                prompt="{{ var.json.kling_shop.prompt }}",
                n="{{ var.json.kling_shop.count }}",
                max_units="{{ var.json.kling_shop.limits.units }}",
            )
            Image(task_id="no_variable", prompt="{{ var.value.get('kling_none', none) }}")
        """,
        {
            "optional": GREEN,
            "required": RED,
            "part": RED,
            "macros": GREEN,
            "misspelled": RED,
            "variable": GREEN,
            "no_variable": RED,
        },
        ["A", "2026-01-04 Bergen B", "a pine"],
    ),
    "outputs": (
        """
        with DAG("outputs", schedule=None):

            @task(multiple_outputs=True)
            def request():
                return {"prompt": "A", "n": 1, "without": None, "ratio": "16:9"}

            @task
            def words(number):
                return f"B {number}"

            parts = request()
            Image(task_id="parts", prompt=parts["prompt"], n=parts["n"], aspect_ratio=parts["ratio"])
            Image(task_id="empty_part", prompt="C", negative_prompt=parts["without"])
            Image(task_id="no_part", prompt=parts["words"])
            Image(task_id="renamed", prompt=words.override(task_id="other")(1))
            Image(task_id="not_pushed", prompt=words.override(task_id="silent", do_xcom_push=False)(2))
            Image(task_id="f_string", prompt=f"D: {words.override(task_id='third')(3)}") << parts
        """,
        {
            "request": GREEN,
            "parts": GREEN,
            "empty_part": GREEN,
            "no_part": RED,
            "other": GREEN,
            "renamed": GREEN,
            "silent": GREEN,
            "not_pushed": RED,
            "third": GREEN,
        },
        ["A", "C", "B 1"],
    ),
    "classes_and_partial": (
        """
        class Branded(Image):
            template_fields = (*Image.template_fields, "brand")

            def __init__(self, *, brand, prompt="A mug of {brand}", **arguments):
                super().__init__(prompt=prompt, **arguments)
                self.brand = brand

            def execute(self, context):
                self.prompt = self.prompt.format(brand=self.brand)
                return {**super().execute(context), "brand": self.brand}


        class Foggy(Image):
            def pre_execute(self, context):
                self.prompt = f"{self.prompt}, in fog"


        with DAG(
            "classes_and_partial",
            schedule=None,
            params={"brand": "one"},
            default_args={"deferrable": "false", "wait_for_completion": "yes", "timeout": "600", "take": 2},
        ):
            Branded(task_id="branded", brand="{{ params.brand }}")
            Branded.partial(task_id="mapped").expand(brand=["two", "three"])
            Foggy(task_id="foggy", prompt="B", deferrable="on")
            Image.partial(
                task_id="partial",
                retries=1,
                retry_delay=timedelta(seconds=1),
                max_units="8",
                execution_timeout=timedelta(minutes=2),
                trigger_rule="all_done",
            ).expand_kwargs([{"prompt": "C", "deferrable": "yes"}, {"prompt": "D", "labels": '{"a": "b"}'}])
        """,
        dict.fromkeys(("branded", "mapped0", "mapped1", "foggy", "partial0", "partial1"), GREEN),
        ["A mug of one", "A mug of two", "A mug of three", "B, in fog", "C", "D"],
    ),
    "branches": (
        """
        with DAG("branches", schedule=None):

            @task.branch
            def choose():
                return ["left"]

            @task
            def left():
                return "A"

            @task
            def right():
                return "B"

            both = [left(), right()]
            choose() >> both
            rule = {"trigger_rule": "none_failed_min_one_success"}
            Image(task_id="taken", prompt=both[0], **rule)
            Image(task_id="not_taken", prompt="{{ ti.xcom_pull('right') }}", **rule) << both
            chosen = "{{ ti.xcom_pull(['left', 'right']) | select | first }}"
            Image(task_id="chosen", prompt=chosen, **rule) << both
            Image(task_id="a_list", prompt="{{ ti.xcom_pull(['right']) }}", **rule) << both
        """,
        {
            "choose": GREEN,
            "left": GREEN,
            "right": SKIPPED,
            "taken": GREEN,
            "not_taken": RED,
            "chosen": GREEN,
            "a_list": RED,
        },
        ["A", "A"],
    ),
    "one_row": (
        """
        with DAG("one_row", schedule=None):

            @task
            def row():
                return {"prompt": "A"}

            @task
            def rows(number):
                return {"prompt": f"B {number}"}

            @task
            def result():
                return {"task_id": "8", "endpoint": "images/generations", "images": []}

            batch = {"endpoint": "images/generations", "contact_sheet": False}
            folder = os.environ["KLING_TEST_FOLDER"]
            KlingBatchOperator(task_id="one", requests=row(), output_path=f"{folder}/one", **batch)
            KlingBatchOperator(
                task_id="group", requests=rows.expand(number=[1, 2]), output_path=f"{folder}/group", **batch
            )
            KlingBatchOperator.partial(task_id="mapped", output_path=f"{folder}/mapped", **batch).expand(
                requests=rows.override(task_id="again").expand(number=[3])
            )
            KlingBatchOperator(task_id="whole", requests=result(), output_path=f"{folder}/whole", **batch)
        """,
        {
            "row": GREEN,
            "one": GREEN,
            "rows0": GREEN,
            "rows1": GREEN,
            "group": GREEN,
            "again0": GREEN,
            "mapped0": GREEN,
            "result": GREEN,
            "whole": RED,
        },
        ["A", "B 1", "B 2", "B 3"],
    ),
}
"""DAG, states and prompts that are paid, of each way."""


@pytest.mark.parametrize("way", WAYS)
def test_a_way_does_what_it_says(
    way: str, run: Run, kling_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLING_TEST_FOLDER", str(tmp_path / "out"))
    monkeypatch.setenv("AIRFLOW_VAR_KLING_SHOP", '{"prompt": "a pine", "count": 1, "limits": {"units": 8}}')
    source, expected, prompts = WAYS[way]
    states, values = run(way, HEAD + textwrap.dedent(source))
    # Without a dependency it may run before the task whose output its text holds.
    early = states.pop("f_string", None)
    paid = Counter(job.body["prompt"] for job in kling_emulator.jobs)
    if early:
        assert paid.pop("D: B 3", 0) == (early == GREEN)
    assert states == expected
    assert paid == Counter(prompts)
    results = [
        value for each in values.values() for value in each if isinstance(value, dict) and "status" in value
    ]
    assert {result["status"] for result in results} <= {"succeed"}


def test_the_second_of_mapped_tasks_with_one_name_is_refused(run: Run, kling_emulator: Emulator) -> None:
    source = """
with DAG("one_name", schedule=None):
    Image.partial(task_id="same", external_task_id="shot-{{ run_id }}").expand(prompt=["A", "B"])
    own = "own-{{ run_id }}-{{ ti.map_index }}"
    Image.partial(task_id="own", external_task_id=own).expand(prompt=["C", "D"])
"""
    states, _ = run("one_name", HEAD + source)
    # Airflow may run either first.
    first = "A" if states["same0"] == GREEN else "B"
    assert sorted((states.pop("same0"), states.pop("same1"))) == sorted((GREEN, RED))
    assert states == {"own0": GREEN, "own1": GREEN}
    assert sorted(job.body["prompt"] for job in kling_emulator.jobs) == sorted((first, "C", "D"))


def test_an_f_string_of_a_parameter_fails_in_the_dag_file(run: Run, kling_emulator: Emulator) -> None:
    source = """
from airflow.providers.common.compat.sdk import dag

from airflow_provider_kling.operators.image import KlingImageGenerationOperator


@dag(schedule=None)
def harbour(town: str = "Bergen"):
    KlingImageGenerationOperator(task_id="image", prompt=f"A harbour in {town}")


harbour()
"""
    with pytest.raises(KlingRequestInvalid, match="the text of an object; write a template, such as"):
        run("harbour", source)
    template = '"A harbour in {{ params.town }}"'
    whole = 'town)\n    KlingImageGenerationOperator(task_id="template", prompt=' + template
    states, _ = run("harbour", source.replace('f"A harbour in {town}"', whole))
    assert states == {"image": GREEN, "template": GREEN}
    paid = [job.body["prompt"] for job in kling_emulator.jobs]
    assert sorted(paid) == ["A harbour in Bergen", "Bergen"]
