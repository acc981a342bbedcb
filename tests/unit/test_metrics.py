# SPDX-License-Identifier: Apache-2.0
"""Metrics of operators, triggers and batches, as a StatsD server gets them."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_kling import metrics, version_compat
from airflow_provider_kling.emulator.faults import DEFAULT_REASON
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingContentRefused, KlingServerError, KlingTaskFailed
from airflow_provider_kling.operators import _job_submission
from airflow_provider_kling.version_compat import get_stats
from scripts.local_airflow import ROOT
from tests.support.statsd import StatsD
from tests.unit.batch.conftest import Batch, rows
from tests.unit.operators.conftest import TaskInstance, image_to_video, run

Seen = Callable[[str], dict[str, list[str]]]


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsD]:
    """A server that receives the metrics of Airflow's own client, created again with these settings."""
    pytest.importorskip("statsd")
    stats = get_stats()
    if not hasattr(stats, "initialize"):
        pytest.skip("this version of Airflow sets its client up only once")
    server = StatsD()
    with monkeypatch.context() as patch:
        for name, value in (
            ("ON", "True"),
            ("HOST", "127.0.0.1"),
            ("PORT", str(server.port)),
            ("INFLUXDB_ENABLED", "True"),
        ):
            patch.setenv(f"AIRFLOW__METRICS__STATSD_{name}", value)
        version_compat._set_up(stats)
        yield server
    version_compat._set_up(stats)
    server.close()


@pytest.fixture
def ti() -> TaskInstance:
    """A task instance at its first try."""
    return TaskInstance()


TAGS = r",dialect=kling,endpoint=videos/image2video,model=kling-v3"


@pytest.mark.parametrize("deferrable", [False, True])
def test_metrics_of_a_task(
    deferrable: bool, statsd: StatsD, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    run(image_to_video(deferrable=deferrable), ti)
    statsd.wait_for(rf"airflow\.kling\.submitted{TAGS}:1\|c")
    statsd.wait_for(rf"airflow\.kling\.units{TAGS}:3\|c")
    statsd.wait_for(rf"airflow\.kling\.seconds_to_end{TAGS}:[0-9.]+\|ms")
    if deferrable:
        statsd.wait_for(
            r"airflow\.kling\.oldest_wait_seconds,dialect=kling,endpoint=videos/image2video:[0-9.]+\|g"
        )
    # The retry finds the job.
    run(image_to_video(deferrable=deferrable), ti.retried())
    statsd.wait_for(rf"airflow\.kling\.attached{TAGS}:1\|c")
    assert not [line for line in statsd.lines if kling_emulator.jobs[0].task_id in line or "af-" in line]


def test_metric_of_a_wait_for_a_slot(
    statsd: StatsD, kling_emulator: Emulator, ti: TaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_job_submission, "SLOT_RETRY_DELAY", 0.2)
    kling_emulator.faults.set({"slots_taken": 1})
    run(image_to_video(), ti)
    statsd.wait_for(rf"airflow\.kling\.slot_refusals{TAGS}:1\|c")
    statsd.wait_for(rf"airflow\.kling\.slot_wait{TAGS}:[0-9.]+\|ms")


def test_failures_and_refusals_are_counted_separately(
    statsd: StatsD, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    kling_emulator.faults.set({"failed_job": 1, "fail_reason": "the machine broke"})
    with pytest.raises(KlingTaskFailed):
        run(image_to_video(), ti)
    statsd.wait_for(r"airflow\.kling\.failures,endpoint=videos/image2video,model=kling-v3:1\|c")
    assert not [line for line in statsd.lines if ".refusals" in line]
    kling_emulator.faults.set({"failed_job": 1, "fail_reason": DEFAULT_REASON})
    with pytest.raises(KlingContentRefused):
        run(image_to_video(), replace(ti, run_id="next"))
    statsd.wait_for(r"airflow\.kling\.refusals,endpoint=videos/image2video,model=kling-v3:1\|c")


def test_metrics_of_a_batch(statsd: StatsD, kling_emulator: Emulator, tmp_path: Path) -> None:
    Batch(str(tmp_path)).run(rows(3))
    tags = r",dialect=kling,endpoint=images/generations,model=kling-v3"
    for name, value in (("submitted", "1"), ("units", "8")):
        assert len(statsd.wait_for(rf"airflow\.kling\.{name}{tags}:{value}\|c")) == 3
    assert not [line for line in statsd.lines if "af-" in line]


def test_nothing_that_a_backend_does_reaches_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("no backend")

    monkeypatch.setattr("airflow_provider_kling.version_compat.get_stats", broken)
    metrics.count("submitted", endpoint="a")
    metrics.count("units", Decimal("NaN"), endpoint="a")
    metrics.duration("slot_wait", float("nan"), endpoint=object())
    metrics.job_ended(SimpleNamespace(), endpoint=None)

    async def in_a_loop() -> None:
        metrics.count_failure(KlingServerError("x"), endpoint="a")
        metrics.gauge("oldest_wait_seconds", 1.0, endpoint="a")

    asyncio.run(in_a_loop())
    metrics.flush()


def test_a_loop_does_not_wait_for_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    report, returned = threading.Event(), threading.Event()

    class Slow:
        def incr(self, *values: Any, **tags: Any) -> None:
            # Answers only once the caller has gone on.
            assert returned.wait(30)
            report.set()

    monkeypatch.setattr("airflow_provider_kling.version_compat.get_stats", Slow)

    async def in_a_loop() -> None:
        metrics.count("submitted", endpoint="a")
        returned.set()

    asyncio.run(in_a_loop())
    metrics.flush(30)
    assert report.is_set()


@pytest.mark.parametrize(
    ("model", "tag"),
    [("kling-v3", "kling-v3"), ("a b,c=d|e:f", "a_b_c_d_e_f"), ("x" * 99, "x" * 64), (7, None), (None, None)],
)
def test_tags_hold_no_characters_of_a_protocol(model: Any, tag: str | None, monkeypatch: Any) -> None:
    report: list[dict[str, str]] = []
    stats = SimpleNamespace(incr=lambda *values, tags: report.append(tags))
    monkeypatch.setattr("airflow_provider_kling.version_compat.get_stats", lambda: stats)
    metrics.count("submitted", endpoint="videos/image2video", model=model)
    assert report == [{"endpoint": "videos/image2video", **({"model": tag} if tag else {})}]


def test_airflow_has_a_client() -> None:
    stats = get_stats()
    assert all(callable(getattr(stats, kind)) for kind in ("incr", "gauge", "timing"))


def test_the_page_the_dashboard_and_the_alerts_name_what_is_sent() -> None:
    docs = ROOT / "docs"
    page = (docs / "metrics.md").read_text()
    assert set(re.findall(r"^\| `kling\.(\w+)` \| (\w+) \|", page, flags=re.M)) == set(metrics.NAMES.items())
    board = json.loads((docs / "metrics-dashboard.json").read_text())
    requested = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    for name in re.findall(r"airflow_kling_(\w+)", f"{requested} {page.partition('## Alerts')[2]}"):
        assert re.sub(r"_(total|bucket)$", "", name) in metrics.NAMES
