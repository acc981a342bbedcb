# SPDX-License-Identifier: Apache-2.0
"""Parameters of the batch as templates and YAML deliver them: read, or refused before anything is paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
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
def test_a_wrong_value_is_refused_when_the_dag_is_read(
    batch: Batch, arguments: dict[str, Any], name: str
) -> None:
    with pytest.raises(KlingRequestInvalid, match=rf"'{name}': .*; expected "):
        batch.operator(rows(1), **arguments)


def test_numbers_and_flags_are_read_from_text(batch: Batch) -> None:
    made = batch.operator(
        rows(1), concurrency="3", max_failed="0.5", poll_interval="2", timeout="60", contact_sheet="false"
    )
    assert (made.concurrency, made.max_failed, made.poll_interval, made.timeout) == (3, 0.5, 2, 60)
    assert made.contact_sheet is False


@pytest.mark.parametrize("value", [None, "", " ", "None", "\n None\n"])
@pytest.mark.parametrize("name", ["max_units", "output_path", "regenerate", "endpoint"])
def test_what_renders_to_nothing_is_refused_before_payment(
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
def test_regenerate_false_as_text_pays_nothing_again_after_a_clear(
    kling: Emulator, batch: Batch, value: Any
) -> None:
    batch.run(rows(2), regenerate=value)
    batch.clear().run(rows(2), regenerate=value)
    assert len(kling.jobs) == 2
