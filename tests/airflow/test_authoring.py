# SPDX-License-Identifier: Apache-2.0
"""Every style of writing DAGs, run in a real Airflow: what is made, what is charged, what is returned."""

from __future__ import annotations

import re
import runpy
import textwrap
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.pricing import USD_PER_UNIT, unit_type
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from scripts.local_airflow import ROOT
from tests.airflow.test_example_dags import makes_jobs, set_everywhere

pytestmark = pytest.mark.airflow

PAGE = (ROOT / "docs" / "authoring.md").read_text("utf-8")
SOURCES = {
    "".join(name): source
    for source in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    for name in re.findall(r'DAG\(\s*"(\w+)"|^@dag\(.*\)\ndef (\w+)', source, re.M)
}
DOLLARS = [
    Decimal(each) for each in re.findall(r"^\| \[[^]]*\]\([^)]*\) \| \d+ \| \d+ \| ([\d.]+) \|", PAGE, re.M)
]
HEAD = """
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_kling.operators.image import *
from airflow_provider_kling.operators.video import *

with DAG("{dag_id}", schedule=None, render_template_as_native_obj={native}):
"""

Run = Callable[..., tuple[dict[str, str], dict[str, list[Any]]]]


@pytest.fixture
def run(dags_folder: Path) -> Run:
    """Run the DAG of a source; return its tasks' states and their return values."""

    def run_dag(dag_id: str, source: str, **options: Any) -> tuple[dict[str, str], dict[str, list[Any]]]:
        file = dags_folder / f"{dag_id}.py"
        named = re.sub(r"^(with DAG\(.*?\)):$", r"\1 as made:", source, count=1, flags=re.M | re.S)
        # A function with @dag returns the DAG.
        named = re.sub(r"^(\w+\(\))$", r"made = \1", named, flags=re.M)
        file.write_text(
            named.replace("prompt=prompt, retries=2", "prompt=prompt, retries=2, poll_interval=0.2")
        )
        dag = runpy.run_path(str(file))["made"]
        set_everywhere(dag, "poll_interval", 0.2)
        for each in dag.tasks:
            if not makes_jobs(each) and hasattr(each, "retries"):
                each.retries = 0
        done = dag.test(**options)
        instances = sorted(done.get_task_instances(), key=lambda ti: ti.map_index)
        states = {
            f"{ti.task_id}{ti.map_index if ti.map_index >= 0 else ''}": str(ti.state) for ti in instances
        }
        values: dict[str, list[Any]] = {}
        for ti in instances:
            value = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
            values.setdefault(ti.task_id, []).append(value)
        return states, values

    return run_dag


GREEN = "success"

STYLES: dict[str, tuple[int, int, dict[str, str]]] = {
    "classic": (2, 11, {"image": GREEN, "video": GREEN}),
    "taskflow": (1, 8, {"write_prompt": GREEN, "image": GREEN, "first_url": GREEN}),
    "decorated": (1, 8, {"image": GREEN}),
    "expand": (3, 24, {"prompts": GREEN, "image0": GREEN, "image1": GREEN, "image2": GREEN}),
    "expand_kwargs": (2, 16, {"requests": GREEN, "image0": GREEN, "image1": GREEN}),
    "shaped": (
        3,
        24,
        {"trees": GREEN, "weather": GREEN, "night": GREEN, "image0": GREEN, "image1": GREEN, "image2": GREEN},
    ),
    "group": (
        4,
        22,
        {f"story.{name}{number}": GREEN for name in ("image", "first_url", "video") for number in range(2)},
    ),
    "defaults": (2, 16, {"oak": GREEN, "birch": GREEN}),
    "factory": (1, 3, {"video": GREEN}),
    "native": (1, 8, {"image": GREEN}),
    "missing": (1, 8, {"image": GREEN}),
    "branch": (1, 8, {"choose": GREEN, "oak": GREEN, "birch": "skipped"}),
    "skipped": (1, 8, {"wanted": GREEN, "words": "skipped", "image": GREEN}),
    "setup": (1, 8, {"prepare": GREEN, "image": GREEN, "clean": GREEN}),
    "inside": (2, 16, {"images": GREEN}),
}
"""Jobs, units and states of each style."""


@pytest.mark.parametrize("style", SOURCES)
def test_a_style_does_what_it_says(style: str, run: Run, kling_emulator: Emulator) -> None:
    jobs, units, expected = STYLES[style]
    states, values = run(style, SOURCES[style])
    assert states == expected
    assert len(kling_emulator.jobs) == jobs
    results = [
        value for each in values.values() for value in each if isinstance(value, dict) and "status" in value
    ]
    assert {result["status"] for result in results} <= {"succeed"}
    if style == "inside":
        (urls,) = values["images"]
        assert len(set(urls)) == jobs
        return
    assert len({result["task_id"] for result in results}) == jobs
    assert sum(Decimal(result["units"]) for result in results) == units
    prices = {each["task_id"]: USD_PER_UNIT[unit_type(ENDPOINTS[each["endpoint"]])] for each in results}
    dollars = sum(Decimal(each["units"]) * prices[each["task_id"]] for each in results)
    assert dict(zip(SOURCES, DOLLARS, strict=True))[style] == dollars.quantize(Decimal("0.01"))
    assert all((result.get("images") or result.get("videos"))[0]["url"] for result in results)


def test_the_page_has_every_style_and_its_figures() -> None:
    assert set(SOURCES) == set(STYLES)
    headings = re.findall(r"^## (.*)$", PAGE, re.M)
    rows = re.findall(r"^\| \[[^]]*\]\([^)]*\) \| (\d+) \| (\d+) \|", PAGE, re.M)
    assert len(headings) == len(rows) == len(STYLES)
    by_order = [STYLES[style][:2] for style in SOURCES]
    assert [(int(jobs), int(units)) for jobs, units in rows] == by_order


def test_what_was_given_at_the_trigger_is_sent(run: Run, kling_emulator: Emulator) -> None:
    run("missing", SOURCES["missing"], run_conf={"prompt": "A pine", "without": "people"})
    (job,) = kling_emulator.jobs
    assert (job.body["prompt"], job.body["negative_prompt"]) == ("A pine", "people")


FORGOT = """
@task
def words():
    return None

"""

PULLED = f"""{FORGOT}
words() >> KlingTextToVideoOperator(task_id="paid", prompt="{{{{ ti.xcom_pull('words') }}}}")
"""

REFUSED: dict[str, tuple[str, bool]] = {
    "a function that returns nothing": (
        f"{FORGOT}KlingTextToVideoOperator(task_id='paid', prompt=words())",
        False,
    ),
    "a template that renders to None": (PULLED, False),
    "the same with native objects": (PULLED, True),
    "blanks around it": (
        "KlingTextToVideoOperator(task_id='paid', prompt='  {{ none }}  ')",
        False,
    ),
    "the output of a skipped task": (
        """
        @task
        def words():
            from airflow.providers.common.compat.sdk import AirflowSkipException
            raise AirflowSkipException("none today")

        KlingTextToVideoOperator(task_id="paid", prompt=words(), trigger_rule="all_done")
        """,
        False,
    ),
    "the output of a failed task": (
        """
        @task
        def words():
            raise ValueError("no")

        KlingTextToVideoOperator(task_id="paid", prompt=words(), trigger_rule="all_done")
        """,
        False,
    ),
    "a limit that came to nothing": (
        "KlingTextToVideoOperator(task_id='paid', prompt='An oak', max_units=\"{{ none }}\")",
        False,
    ),
    **{
        f"{what} of a mapped task that came to nothing": (
            f"""
            @task
            def rows():
                return [{given}]

            KlingTextToVideoOperator.partial(task_id='paid').expand_kwargs(rows())
            """,
            False,
        )
        for what, given in {
            "a limit": "{'prompt': 'An oak', 'max_units': None}",
            "a path": "{'prompt': 'An oak', 'output_path': None}",
            "an account": "{'prompt': 'An oak', 'kling_conn_id': None}",
            "a word for no prompt": "{'prompt': 'nan'}",
        }.items()
    },
    "a limit for each that came to nothing": (
        """
        @task
        def limits():
            return [None]

        KlingTextToVideoOperator.partial(task_id='paid', prompt='An oak').expand(max_units=limits())
        """,
        False,
    ),
    "a prompt for each that came to nothing": (
        """
        @task
        def words():
            return [""]

        KlingImageToVideoOperator.partial(task_id='paid', image='https://a.example/a.png').expand(prompt=words())
        """,
        False,
    ),
    "a template inside @task": (
        """
        @task
        def paid(**context):
            KlingTextToVideoOperator(task_id="film", prompt="{{ ds }}").execute(context)

        paid()
        """,
        False,
    ),
}


@pytest.mark.parametrize("style", REFUSED)
def test_what_comes_to_nothing_is_refused_before_anything_is_paid(
    style: str, run: Run, kling_emulator: Emulator
) -> None:
    body, native = REFUSED[style]
    dag_id = re.sub(r"\W+", "_", f"refused {style}")
    head = HEAD.format(dag_id=dag_id, native=native)
    states, _ = run(dag_id, head + textwrap.indent(textwrap.dedent(body), "    "))
    assert (states.get("paid") or states["paid0"]) == "failed"
    assert not kling_emulator.jobs


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("deferrable: maybe", "deferrable"),
        ("wait_for_completion: sometimes", "wait_for_completion"),
        ("end_from_trigger: later", "end_from_trigger"),
        ("aspect_ratio: 16:9", "aspect_ratio"),
        ("duration: 7 s", "duration"),
        ("max_units: many", "max_units"),
    ],
)
def test_text_of_a_factory_that_means_nothing_is_refused_at_parse(line: str, named: str) -> None:
    source = SOURCES["factory"]
    lines = [each for each in source.splitlines() if f"  {named}:" not in each]
    lines.insert(lines.index("video:") + 1, f"  {line}")
    with pytest.raises(KlingRequestInvalid, match=named):
        exec("\n".join(lines), {})
