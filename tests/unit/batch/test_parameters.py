# SPDX-License-Identifier: Apache-2.0
"""Parameters of the batch as templates and YAML deliver them: read, or refused before anything is paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingError, KlingRequestInvalid
from tests.unit.batch.conftest import Batch, rows
from tests.unit.operators.conftest import context_of


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"concurrency": "many"}, "concurrency"),
        ({"concurrency": "0"}, "concurrency"),
        ({"max_failed": "some"}, "max_failed"),
        ({"poll_interval": "nan"}, "poll_interval"),
        ({"timeout": ""}, "timeout"),
        ({"contact_sheet": "perhaps"}, "contact_sheet"),
        ({"regenerate": "perhaps"}, "regenerate"),
        ({"max_units": ""}, "max_units"),
        ({"max_units": "inf"}, "max_units"),
        ({"output_path": ""}, "output_path"),
        ({"output_path": None}, "output_path"),
        ({"output_path": "out"}, "output_path"),
        ({"endpoint": "videos/nothing"}, "endpoint"),
    ],
)
def test_an_invalid_value_is_refused_when_the_dag_is_parsed(
    batch: Batch, arguments: dict[str, Any], name: str
) -> None:
    with pytest.raises(KlingRequestInvalid, match=rf"'{name}': .*; expected "):
        batch.operator(rows(1), **arguments)


@pytest.mark.parametrize("value", ["text", "nan", "[1]", 5, True, ["a"], {"a": float("nan")}], ids=repr)
def test_an_extra_body_that_is_no_object_is_refused(kling: Emulator, batch: Batch, value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"^extra_body (is a|cannot be sent)"):
        batch.operator(rows(1), extra_body=value)
    operator = batch.operator(rows(1), extra_body="{{ params.x }}")
    operator.extra_body = value
    with pytest.raises(KlingRequestInvalid, match=r"^extra_body (is a|cannot be sent)"):
        operator.execute(context_of(batch.ti))
    assert not kling.jobs


def test_a_row_with_the_text_of_an_object_is_not_submitted(kling: Emulator, batch: Batch) -> None:
    requests = [
        {"prompt": "<generator object at 0x7f21d8>"},
        {"prompt": "a", "negative_prompt": "<a.B at 0x1>"},
    ]
    with pytest.raises(KlingError, match="2 rows failed"):
        batch.run(requests)
    whys = [line["error"] for line in batch.lines("failures.jsonl")]
    assert [why.partition(" gives")[0] for why in whys] == ["Row 1: prompt", "Row 2: negative_prompt"]
    assert not kling.jobs


def test_rows_may_be_an_array(kling: Emulator, batch: Batch) -> None:
    operator = batch.operator(numpy.array(rows(2)))
    operator.render_template_fields({})
    assert operator.execute(context_of(batch.ti))["done"] == 2


def test_numbers_and_flags_are_parsed_from_text(batch: Batch) -> None:
    made = batch.operator(
        rows(1), concurrency="3", max_failed="0.5", poll_interval="2", timeout="60", contact_sheet="false"
    )
    assert (made.concurrency, made.max_failed, made.poll_interval, made.timeout) == (3, 0.5, 2, 60)
    assert made.contact_sheet is False


@pytest.mark.parametrize("value", [None, "", " ", "None", "\n None\n"])
@pytest.mark.parametrize("name", ["max_units", "output_path", "regenerate", "endpoint"])
def test_parameters_that_render_empty_are_refused_before_payment(
    kling: Emulator, batch: Batch, name: str, value: Any
) -> None:
    operator = batch.operator(rows(1), **{name: "{{ params.x }}"})
    setattr(operator, name, value)
    with pytest.raises(KlingRequestInvalid, match=rf"'{name}': .*; expected "):
        operator.execute(context_of(batch.ti))
    assert not kling.jobs


def test_a_relative_output_path_is_refused_before_payment(
    kling: Emulator, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in ("out", "./None"):
        operator = batch.operator(rows(1), output_path="{{ params.x }}")
        operator.output_path = value
        with pytest.raises(KlingRequestInvalid, match=r"'output_path': .*; expected "):
            operator.execute(context_of(batch.ti))
    assert not kling.jobs
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["false", "False", False, "0"])
def test_regenerate_false_as_text_causes_no_second_charge_after_a_clear(
    kling: Emulator, batch: Batch, value: Any
) -> None:
    batch.run(rows(2), regenerate=value)
    batch.clear().run(rows(2), regenerate=value)
    assert len(kling.jobs) == 2


EXTRA_BODIES: dict[str, Any] = {
    "at the top": {"external_task_id": "a"},
    "in options": {"options": {"external_task_id": "a"}},
    "as text": '{"external_task_id": "a"}',
}


@pytest.mark.parametrize("extra", EXTRA_BODIES.values(), ids=list(EXTRA_BODIES))
def test_an_external_task_id_in_extra_body_is_refused(kling: Emulator, batch: Batch, extra: Any) -> None:
    """One for all rows would replace the ids by which the rows' jobs are found again."""
    words = "set the parameter external_task_id instead; in a batch, give it as a key of each row"
    with pytest.raises(KlingRequestInvalid, match=words):
        batch.operator(rows(1), extra_body=extra)
    templated = batch.operator(rows(1), extra_body="{{ params.x }}")
    templated.extra_body = extra
    with pytest.raises(KlingRequestInvalid, match=words):
        templated.execute(context_of(batch.ti))
    assert not kling.jobs


def test_an_extra_body_in_a_row_is_refused_by_name(kling: Emulator, batch: Batch) -> None:
    row = {**rows(1)[0], "extra_body": {"external_task_id": "a"}}
    with pytest.raises(KlingError, match="0 of 1 rows are done"):
        batch.run([row])
    (entry,) = batch.ledger().values()
    assert entry["state"] == "invalid"
    assert "extra_body" in entry["error"]
    assert not kling.jobs
