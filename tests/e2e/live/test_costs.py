# SPDX-License-Identifier: Apache-2.0
"""Costs of real Airflow processes: reported exactly, limited by a budget, sent to StatsD."""

from __future__ import annotations

import csv
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from airflow_provider_kling.emulator.server import Emulator
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.support.statsd import StatsD

pytestmark = pytest.mark.slow

DAGS = Path(__file__).parent / "cost_dags"
MAPPED, PAID = 40, 25


@pytest.fixture
def statsd() -> Iterator[StatsD]:
    """A server for the metrics of all processes."""
    pytest.importorskip("statsd")
    server = StatsD()
    yield server
    server.close()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Kling without limits whose jobs are short."""
    with Emulator(job_seconds=2, slots=0, scale=0.1) as running:
        yield running


def test_charges_are_reported_and_limited(emulator: Emulator, statsd: StatsD, tmp_path: Path) -> None:
    home, media = tmp_path / "airflow", tmp_path / "media"
    home.mkdir()
    settings = {
        "metrics.statsd_on": True,
        "metrics.statsd_host": "127.0.0.1",
        "metrics.statsd_port": statsd.port,
        "metrics.statsd_influxdb_enabled": True,
        "core.max_active_tasks_per_dag": MAPPED,
    }
    connections = {"kling_default": emulator.connection_json()}
    with LiveAirflow(home, DAGS, connections, settings, {"LIVE_COSTS": str(media)}) as airflow:
        check(airflow, emulator, statsd)


def check(airflow: LiveAirflow, emulator: Emulator, statsd: StatsD) -> None:
    """Run jobs, and compare the reports with the emulator's own account."""
    began = int(time.time() * 1000)
    shop = airflow.api.trigger("live_costs_shop")
    press = airflow.api.trigger("live_costs_press")
    assert airflow.api.wait_for_run("live_costs_press", press, timeout=600) == "failed"
    assert airflow.api.wait_for_run("live_costs_shop", shop, timeout=600) == "success", airflow.last_lines()

    # Of 40 tasks exactly 25 made a job, however often a busy machine had them try.
    instances = airflow.api.task_instances("live_costs_press", press, "paint")
    assert Counter(each["state"] for each in instances) == {"success": PAID, "failed": MAPPED - PAID}
    made = Counter(job.slug for job in emulator.jobs if job.body.get("prompt", "").startswith("chair"))
    assert made == {"images/generations": PAID}

    period = {"start": str(began - 60_000), "end": str(int(time.time() * 1000) + 1000)}
    report = airflow.api.trigger("live_costs_report", period)
    assert airflow.api.wait_for_run("live_costs_report", report, timeout=300) == "success"
    usage = airflow.api.xcom("live_costs_report", report, "usage")
    books: Counter[str] = Counter()
    for job in emulator.jobs:
        books[job.unit_type] += job.price  # type: ignore[assignment]
    assert {kind: Decimal(units) for kind, units in usage["units"].items()} == books
    rows = [json.loads(line) for line in Path(usage["usage_path"]).read_text().splitlines()]
    assert (
        sum(Decimal(row["amount"]) for row in rows) == emulator.state.account.charged == sum(books.values())
    )
    with Path(usage["csv_path"]).open(newline="") as file:
        assert sum(Decimal(row["amount"]) for row in csv.DictReader(file)) == sum(books.values())
    assert (usage["charges"], usage["unknown_to_airflow"], usage["stored_not_in_ledger"]) == (PAID + 3, 0, 0)
    by = Counter((row["dag_id"], row["airflow_task_id"], row["labels"]["team"]) for row in rows)
    assert by == {
        ("live_costs_shop", "film", "shop"): 1,
        ("live_costs_shop", "cards", "shop"): 2,
        ("live_costs_press", "paint", "press"): PAID,
    }
    assert {row["labels"].get("sku") for row in rows if row["airflow_task_id"] == "cards"} == {"1", "2"}
    assert len({row["map_index"] for row in rows if row["airflow_task_id"] == "paint"}) == PAID

    # A worker that is killed may have sent fewer metrics, but never more.
    assert 0 < statsd.sum_of(r"airflow\.kling\.submitted,[^:]*") <= PAID + 3
    assert statsd.sum_of(r"airflow\.kling\.units,[^:]*") > 0
    assert statsd.sum_of(r"airflow\.kling\.failures,[^:]*endpoint=images/generations[^:]*") >= MAPPED - PAID
    kling = [line for line in statsd.lines if ".kling." in line]
    assert not [line for line in kling if re.search(r"af-|live_costs|\d{15}", line)]
