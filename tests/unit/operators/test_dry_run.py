# SPDX-License-Identifier: Apache-2.0
"""What a dry run reports, and that it sends nothing."""

from __future__ import annotations

import base64
import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling import operators as operators_package
from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.avatar import KlingAvatarImageToVideoOperator
from airflow_provider_kling.operators.base import KlingTaskOperator
from airflow_provider_kling.operators.batch import KlingBatchOperator
from tests.unit.api.vendor_tables import PAGES
from tests.unit.inputs.samples import image_file

from .conftest import IMAGE_URL, TaskInstance, context_of, image_to_video, run

SIGNED = f"{IMAGE_URL}?X-Amz-Signature=secret&X-Amz-Expires=60"


def test_a_job_is_reported_as_it_would_be_sent(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = image_to_video(prompt="waves of {{ ds }}", image=SIGNED, duration=10, labels={"team": "shop"})
    context = context_of(ti, ds="2026-11-27")
    report = operator.dry_run(context)
    assert not kling_emulator.requests
    assert json.loads(json.dumps(report)) == report
    assert "secret" not in str(report)
    assert report["body"]["prompt"] == "waves of 2026-11-27"
    assert report["body"]["image"] == IMAGE_URL
    assert (report["endpoint"], report["sent"], report["labels"]) == (
        "videos/image2video",
        False,
        {"team": "shop"},
    )
    assert (report["estimate"], report["unit"], report["estimate_usd"]) == ("6.0", "video", "0.84")
    assert [fact["value"] for fact in report["reads"]] == [IMAGE_URL]
    # The report equals the real request.
    run(operator, ti)
    assert kling_emulator.jobs[0].external_task_id == report["external_task_id"]


def test_airflow_calls_it_without_a_context_after_rendering(
    kling_emulator: Emulator, ti: TaskInstance
) -> None:
    operator = image_to_video(prompt="{{ ds }}")
    operator.render_template_fields(context_of(ti, ds="2026-11-27"))
    report = operator.dry_run()
    assert report["body"]["prompt"] == "2026-11-27"
    assert report["external_task_id"].startswith("af-")
    assert not kling_emulator.requests


def test_files_are_read_and_not_shown(kling_emulator: Emulator, tmp_path: Path) -> None:
    content = image_file()
    (tmp_path / "a.jpg").write_bytes(content)
    report = image_to_video(image=str(tmp_path / "a.jpg")).dry_run()
    assert report["body"]["image"].startswith("<image/jpeg ")
    assert report["reads"][0]["size"] == len(content)
    assert base64.b64encode(content).decode()[:40] not in str(report)


def test_what_is_not_rendered_is_not_priced(kling_emulator: Emulator) -> None:
    report = image_to_video(prompt="{{ params.prompt }}").dry_run()
    assert report["estimate"] is None
    assert report["warnings"] == ["Not rendered, so not priced: prompt"]


def test_what_would_be_refused_is_refused(kling_emulator: Emulator) -> None:
    with pytest.raises(KlingRequestInvalid, match="max_units"):
        image_to_video(duration=10, max_units=5).dry_run()
    with pytest.raises(KlingRequestInvalid, match="max_units"):
        KlingAvatarImageToVideoOperator(task_id="a", image=IMAGE_URL, audio_id="7", max_units=5).dry_run()
    operator = image_to_video()
    operator.duration = 99
    with pytest.raises(KlingRequestInvalid, match="duration"):
        operator.dry_run()
    assert not kling_emulator.requests


def test_without_a_connection_it_still_reports_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_NOBODY", raising=False)
    report = image_to_video(kling_conn_id="nobody").dry_run()
    assert report["estimate"] == "3.0"
    assert any("'nobody' cannot be used" in line for line in report["warnings"])


def batch(requests: Any, **more: Any) -> KlingBatchOperator:
    return KlingBatchOperator(
        task_id="batch", endpoint="images/generations", requests=requests, output_path="/nowhere/b", **more
    )


def test_a_batch_prices_all_rows(kling_emulator: Emulator, ti: TaskInstance) -> None:
    rows = [{"prompt": f"{number}", "labels": {"sku": number}} for number in range(7)]
    report = batch([*rows, {"n": 99}], labels={"team": "shop"}).dry_run(context_of(ti))
    assert not kling_emulator.requests
    assert not Path("/nowhere").exists()
    assert json.loads(json.dumps(report)) == report
    assert (report["rows"], report["estimate"], report["unit"], report["estimate_usd"]) == (
        8,
        "56",
        "image",
        "0.20",
    )
    assert (report["rows_with_faults"], report["rows_without_estimate"], len(report["faults"])) == (
        1,
        0,
        1,
    )
    first = report["examples"][0]
    assert first["body"]["prompt"] == "0"
    assert first["labels"] == {"team": "shop", "sku": "0"}
    assert len({example["external_task_id"] for example in report["examples"]}) == 3


def test_a_batch_that_would_be_refused_is_refused(kling_emulator: Emulator) -> None:
    with pytest.raises(KlingRequestInvalid, match="1 of 2 rows"):
        batch([{"prompt": "a"}, {"n": 99}], on_failure="fail").dry_run()


def test_a_row_whose_file_is_missing_does_not_end_the_dry_run(kling_emulator: Emulator) -> None:
    report = batch([{"prompt": "a", "image": "/nowhere/a.jpg"}, {"prompt": "b"}]).dry_run()
    first, second = report["examples"]
    assert (first["row"], second["body"]["prompt"]) == (1, "b")
    assert "a.jpg" in first["fault"]


def test_the_names_of_a_batch_are_those_of_the_run(
    kling_emulator: Emulator, ti: TaskInstance, tmp_path: Path
) -> None:
    operator = batch([{"prompt": "a"}], poll_interval=0.2, contact_sheet=False)
    operator.output_path = str(tmp_path)
    report = operator.dry_run(context_of(ti))
    operator.execute(context_of(ti))
    assert kling_emulator.jobs[0].external_task_id == report["examples"][0]["external_task_id"]


AVATAR_V1 = {"image": IMAGE_URL, "audio_url": "https://files.example/1.mp3"}
BODIES = {"videos/avatar": AVATAR_V1} | {page.slug: dict(page.base) for page in PAGES}


def operators() -> dict[str, type[KlingTaskOperator]]:
    """The operators of all endpoints, by slug."""
    for module in pkgutil.iter_modules(operators_package.__path__, f"{operators_package.__name__}."):
        importlib.import_module(module.name)
    found, remaining = {}, [KlingTaskOperator]
    while remaining:
        one = remaining.pop()
        remaining += one.__subclasses__()
        if one.__module__.startswith(operators_package.__name__) and getattr(one, "endpoint", None):
            found[one.endpoint.slug] = one
    return found


def test_every_endpoint_has_an_operator_here() -> None:
    assert set(operators()) == set(ENDPOINTS) == set(BODIES)


@pytest.mark.parametrize("slug", sorted(BODIES))
def test_every_operator_and_a_batch_of_it_can_be_run_dry(
    slug: str, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    operator = operators()[slug](task_id="dry", labels={"team": "shop"}, **BODIES[slug])
    outcome = operator.dry_run(context_of(ti))
    assert (outcome["endpoint"], outcome["sent"], outcome["labels"]) == (slug, False, {"team": "shop"})
    assert outcome["body"]
    assert outcome.keys() >= {"external_task_id", "estimate", "unit", "estimate_usd", "reads", "warnings"}
    batch = KlingBatchOperator(
        task_id="dry", endpoint=slug, requests=[BODIES[slug]], output_path="/nowhere/dry", max_failed=1
    )
    report = batch.dry_run(context_of(ti))
    assert (report["rows"], report["faults"], report["estimate"] or "0") == (
        1,
        [],
        outcome["estimate"] or report["estimate"] or "0",
    )
    assert report["rows_without_estimate"] == (outcome["estimate"] is None)
    assert not kling_emulator.requests
    assert not kling_emulator.jobs
