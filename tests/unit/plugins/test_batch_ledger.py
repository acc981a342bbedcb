# SPDX-License-Identifier: Apache-2.0
"""Batches in the preview: whose rows are shown, to whom, and what of their files is served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.batch.ledger_entry import RowState
from airflow_provider_kling.batch.ledger_lines import read_lines
from airflow_provider_kling.plugins.serializers import TaskInstanceRow
from airflow_provider_kling.utils.storage import resolve_path
from tests.support.stored_batch import JOB, PNG, RUN, SLUG, StoredBatch
from tests.unit.plugins.conftest import Browser
from tests.unit.plugins.database import put

pytestmark = pytest.mark.airflow

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request lists the ledger again."""
    monkeypatch.setattr("airflow_provider_kling.plugins.batch_ledger.FRESH_SECONDS", -1.0)


@pytest.fixture
def stored(api_server: Any, tmp_path: Path) -> StoredBatch:
    return StoredBatch(tmp_path)


def query(viewer: Browser, one: TaskInstanceRow, what: str = "batch", **query: Any) -> Any:
    location = {"run_id": one.run_id, "task_id": one.task_id, "map_index": one.map_index}
    return viewer.get(f"/kling/dags/{one.dag_id}/{what}", params=location | query)


def test_rows_are_shown_as_they_come(viewer: Browser, stored: StoredBatch) -> None:
    one = stored.instance()
    put([one])
    assert query(viewer, one).json()["counts"]["waiting"] == 10
    stored.write(stored.line(1, RowState.SUBMITTED, task_id=str(JOB)), stored.done(2))
    stored.write(
        stored.line(3, RowState.REFUSED, error="Refused: fashion"),
        stored.line(4, RowState.EXPIRED),
        stored.line(5, RowState.INTENT),
    )
    found = query(viewer, one).json()
    assert found["counts"] == {"done": 1, "running": 1, "waiting": 6, "refused": 1, "failed": 1}
    assert (found["total"], found["units"], found["found"]) == (10, "8", 5)
    assert [row["number"] for row in found["rows"]] == [1, 2, 3, 4, 5]
    assert found["rows"][0]["job"] == str(JOB)
    stored.write(stored.done(1))
    assert query(viewer, one).json()["counts"]["done"] == 2


def test_rows_are_filtered_by_state_and_words(viewer: Browser, stored: StoredBatch) -> None:
    one = stored.instance()
    put([one])
    missing = stored.line(4, RowState.FAILED, error="no face")
    stored.write(*(stored.done(number) for number in range(1, 4)), missing)
    for filters, numbers in (
        ({"group": "failed"}, [4]),
        ({"words": "PRODUCT #2"}, [2]),
        ({"words": "face"}, [4]),
        ({"words": "nothing like it"}, []),
        ({"offset": 2, "limit": 1}, [3]),
    ):
        assert [row["number"] for row in query(viewer, one, **filters).json()["rows"]] == numbers


def test_five_thousand_rows_come_in_pages(viewer: Browser, stored: StoredBatch) -> None:
    stored.overview["rows"] = 5000
    one = stored.instance()
    put([one])
    ledger = Ledger(resolve_path(str(stored.folder)))
    for number in range(1, 5001):
        result = {"images": [{"index": 0, "path": str(stored.root / str(JOB + number) / "0-image.png")}]}
        more = {"units": "8", "task_id": str(JOB + number), "result": result, "prompt": "x" * 160}
        ledger.record(stored.line(number, RowState.DONE, **more))
        if number % 100 == 0:
            ledger.flush()
    page = query(viewer, one).json()
    assert (len(page["rows"]), page["found"], page["units"]) == (100, 5000, "40000")
    last = query(viewer, one, offset=4950).json()
    assert [row["number"] for row in last["rows"]] == list(range(4951, 5001))


def test_only_new_segments_are_read(
    viewer: Browser, stored: StoredBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def lines_of(path: str, content: bytes, damaged: list[str]) -> Any:
        read.extend(content.splitlines())
        return read_lines(path, content, damaged)

    monkeypatch.setattr("airflow_provider_kling.plugins.batch_lines.read_lines", lines_of)
    one = stored.instance()
    put([one])
    stored.write(*(stored.done(number) for number in range(1, 4)))
    query(viewer, one)
    stored.write(stored.done(4))
    assert query(viewer, one).json()["found"] == 4
    assert len(read) == 4


def test_files_that_a_worker_merges_meanwhile_are_listed_again(
    viewer: Browser, stored: StoredBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = stored.instance()
    put([one])
    stored.write(stored.done(1))
    fs = type(resolve_path(str(stored.folder)).fs)
    for name in ("find", "cat_file"):
        read, missing = getattr(fs, name), iter([True])

        def late(*arguments: Any, read: Any = read, missing: Any = missing, **more: Any) -> Any:
            if next(missing, False):
                raise FileNotFoundError("merged")
            return read(*arguments, **more)

        monkeypatch.setattr(fs, name, late)
    assert query(viewer, one).json()["found"] == 1


def test_ids_of_eighteen_digits_stay_text(viewer: Browser, stored: StoredBatch) -> None:
    one = stored.instance()
    put([one])
    stored.write(stored.done(1))
    (row,) = query(viewer, one).json()["rows"]
    assert (row["job"], row["id"]) == ("178901234567800001", "row-1")


def test_the_file_of_a_row_is_streamed(viewer: Browser, stored: StoredBatch) -> None:
    one = stored.instance()
    put([one])
    stored.write(stored.done(1))
    (row,) = query(viewer, one).json()["rows"]
    response = viewer.get(f"/kling/{row['items'][0]['file']}")
    assert (response.status_code, response.content) == (200, PNG)
    whole = viewer.get(f"/kling/{row['request']}").json()
    assert whole == {"prompt": "a whole prompt of row 1", "model": "kling-v2-1"}


def test_a_poster_is_served_if_the_manifest_names_it(viewer: Browser, stored: StoredBatch) -> None:
    one = stored.instance()
    put([one])
    folder = stored.root / str(JOB)
    folder.mkdir()
    (folder / "0-poster.jpg").write_bytes(JPEG)
    video = {"index": 0, "path": str(folder / "0-video.mp4"), "poster": str(folder / "0-poster.jpg")}
    stored.write(stored.line(1, RowState.DONE, task_id=str(JOB), result={"videos": [video]}))
    entry = {"key": "videos[0].url", "name": "0-video.mp4", "bytes": 1, "poster": "0-poster.jpg"}
    stored.manifest(folder, task_id=str(JOB), request={}, files=[entry])
    (row,) = query(viewer, one).json()["rows"]
    location = f"/kling/{row['items'][0]['poster']}"
    assert viewer.get(location).content == JPEG
    for files in ([], [{**entry, "key": "videos[1].url"}], [{**entry, "poster": "1-poster.jpg"}]):
        stored.manifest(folder, task_id=str(JOB), request={}, files=files)
        assert viewer.get(location).status_code == 404


@pytest.mark.parametrize("user", ["no-xcoms", "no-task-instances", "no-dag", ""])
@pytest.mark.parametrize("what", ["batch", "row", "sheet"])
def test_who_may_not_read_the_dag_sees_nothing(
    as_user: Any, stored: StoredBatch, user: str, what: str
) -> None:
    one = stored.instance()
    put([one])
    stored.write(stored.done(1))
    assert query(as_user(user), one, what, key="row-1").status_code == (403 if user else 401)


@pytest.mark.parametrize(
    "airflow",
    [
        {"dag_id": "another"},
        {"run_id": "another"},
        {"task_id": "another"},
        {"map_index": 0},
        {"map_index": "-1"},
        None,
    ],
)
def test_lines_of_another_task_instance_are_left_out(
    viewer: Browser, stored: StoredBatch, airflow: dict[str, Any] | None
) -> None:
    one = stored.instance()
    put([one])
    block = None if airflow is None else {**stored.place, **airflow}
    stored.write(stored.done(1, airflow=block), stored.done(2))
    found = query(viewer, one).json()
    assert [row["number"] for row in found["rows"]] == [2]
    assert query(viewer, one, "row", key="row-1").status_code == 404


def test_the_ledger_of_another_batch_is_not_read(
    viewer: Browser, stored: StoredBatch, tmp_path: Path
) -> None:
    other = StoredBatch(tmp_path)
    other.write(other.done(1))
    claimed = {**stored.overview, "ledger_path": str(other.folder)}
    one = stored.instance(xcoms={"kling_batch": claimed}, fields={})
    put([one])
    response = query(viewer, one)
    assert response.status_code == 200
    assert response.json()["rows"] == []


@pytest.mark.parametrize("fields", [{}, {"output_path": "***/x"}])
def test_without_an_output_path_the_lines_decide(
    viewer: Browser, stored: StoredBatch, fields: dict[str, str]
) -> None:
    one = stored.instance(fields=fields)
    put([one])
    stored.write(stored.done(1))
    (row,) = query(viewer, one).json()["rows"]
    assert viewer.get(f"/kling/{row['items'][0]['file']}").content == PNG


@pytest.mark.parametrize(
    "output_path",
    ["", "stored", "./stored", "http://127.0.0.1:9/x", "{root}/../x", "{root}?a", "file::{root}"],
)
def test_a_batch_elsewhere_is_not_read(viewer: Browser, stored: StoredBatch, output_path: str) -> None:
    one = stored.instance(fields={"output_path": output_path.format(root=stored.root)})
    put([one])
    stored.write(stored.done(1))
    response = query(viewer, one)
    assert response.status_code == 404
    assert str(JOB) not in response.text


@pytest.mark.parametrize("linked", ["_ledger", "folder", "segment"])
def test_a_link_to_another_ledger_is_not_followed(
    viewer: Browser, stored: StoredBatch, tmp_path: Path, linked: str
) -> None:
    elsewhere = StoredBatch(tmp_path / "elsewhere", **stored.place)
    elsewhere.write(elsewhere.done(1))
    if linked == "_ledger":
        (stored.root / "_ledger").symlink_to(elsewhere.folder.parent)
    elif linked == "folder":
        stored.folder.parent.mkdir()
        stored.folder.symlink_to(elsewhere.folder)
    else:
        stored.folder.mkdir(parents=True)
        (segment,) = elsewhere.folder.glob("*.jsonl")
        (stored.folder / segment.name).symlink_to(segment)
    one = stored.instance()
    put([one])
    assert str(JOB + 1) not in query(viewer, one).text


def test_a_row_that_names_a_file_of_another_job_shows_none(viewer: Browser, stored: StoredBatch) -> None:
    one = stored.instance()
    put([one])
    stolen = StoredBatch(stored.root).done(1).result
    stored.write(stored.done(2, result=stolen), stored.done(3, result={"images": [{"path": "/etc/passwd"}]}))
    for row in query(viewer, one).json()["rows"]:
        assert viewer.get(f"/kling/{row['items'][0]['file']}").status_code == 404
        assert viewer.get(f"/kling/{row['request']}").status_code == 404


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b'{"key": 1}',
        b"\xff\xfe",
        b"9" * 5000,
        b'{"key":"k","state":"done","number":1e400}',
    ],
)
def test_a_damaged_line_costs_only_itself(viewer: Browser, stored: StoredBatch, line: bytes) -> None:
    one = stored.instance()
    put([one])
    stored.write(stored.done(1))
    (segment,) = stored.folder.glob("*.jsonl")
    segment.write_bytes(segment.read_bytes() + line + b"\n")
    assert len(query(viewer, one).json()["rows"]) == 1


def test_a_huge_ledger_is_not_read(
    viewer: Browser, stored: StoredBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.plugins.batch_ledger.MAX_LEDGER_BYTES", 10)
    one = stored.instance()
    put([one])
    stored.write(stored.done(1))
    response = query(viewer, one)
    assert response.status_code == 404
    assert "too large" in response.json()["detail"]


def test_the_contact_sheet_is_served_if_the_summary_names_the_task(
    viewer: Browser, stored: StoredBatch
) -> None:
    one = stored.instance()
    put([one])
    (stored.root / "contact-sheet.jpg").write_bytes(JPEG)
    assert query(viewer, one, "sheet").status_code == 404
    (stored.root / "summary.json").write_text(json.dumps({"airflow": {**stored.place, "dag_id": "another"}}))
    assert query(viewer, one, "sheet").status_code == 404
    (stored.root / "summary.json").write_text(json.dumps({"airflow": stored.place}))
    assert query(viewer, one, "sheet").content == JPEG
    (stored.root / "contact-sheet.jpg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert query(viewer, one, "sheet").status_code == 404


def test_a_card_of_a_batch_is_marked_as_one(viewer: Browser, stored: StoredBatch) -> None:
    one = stored.instance()
    put([one])
    (card,) = viewer.get(f"/kling/dags/{one.dag_id}/cards", params={"run_id": RUN}).json()["cards"]
    assert (card["batch"]["rows"], card["batch"]["unit"]) == (10, "image")
    assert viewer.get(f"/kling/{card['batch']['url']}").status_code == 200


@pytest.mark.parametrize(
    "value", [7, "x", [], {}, {"endpoint": 1}, {"endpoint": SLUG, "generation": -1, "rows": 1}]
)
def test_another_xcom_of_that_name_is_no_batch(viewer: Browser, stored: StoredBatch, value: Any) -> None:
    one = stored.instance(xcoms={"kling_batch": value})
    put([one])
    assert query(viewer, one).status_code == 404
