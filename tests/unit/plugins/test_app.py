# SPDX-License-Identifier: Apache-2.0
"""The preview's web application inside Airflow's own: who sees what."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.plugins.serializers import TaskInstanceRow, to_card
from airflow_provider_kling.plugins.stored_files import StoragePool, StoredFile, open_stored_file
from tests.support.storages import S3Server
from tests.unit.plugins.conftest import Browser
from tests.unit.plugins.database import push, put

pytestmark = pytest.mark.airflow

MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(range(256)) * 40
RUN = "manual__2026-11-20T10:00:00+00:00"
_numbers = itertools.count(1)


def result(**more: Any) -> dict[str, Any]:
    video = {"id": "v1", "url": "https://cdn.klingai.com/v1.mp4?sign=1", "duration": "5.1", **more}
    return {"task_id": "842", "endpoint": "videos/text2video", "units": "3", "videos": [video]}


def instance(**values: Any) -> TaskInstanceRow:
    defaults = {"dag_id": f"films{next(_numbers)}", "run_id": RUN, "task_id": "film", "map_index": -1}
    return TaskInstanceRow(**{**defaults, "state": "success", "try_number": 1, **values})


def manifest(one: TaskInstanceRow, content: bytes = MP4, **airflow: Any) -> bytes:
    """The files in the folder of a job, with a manifest that names a task instance."""
    named = {name: getattr(one, name) for name in ("dag_id", "run_id", "task_id", "map_index", "try_number")}
    facts = {"name": "0-video.mp4", "type": "video/mp4", "sha256": hashlib.sha256(content).hexdigest()}
    entry = {"key": "videos[0].url", "bytes": len(content), **facts}
    block = {"owner": "studio", **named, **airflow}
    whole = {"version": 1, "task_id": "842", "airflow": block, "request": {}, "files": [entry]}
    return json.dumps(whole).encode()


def record(one: TaskInstanceRow, folder: Path, **airflow: Any) -> None:
    (folder / "manifest.json").write_bytes(manifest(one, **airflow))


@pytest.fixture
def films_s3(api_server: Any, s3: S3Server) -> Iterator[S3Server]:
    """A bucket behind a connection of that id in the database, where the api-server has its connections."""
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    known = Connection.from_json(os.environ["AIRFLOW_CONN_KLING_TEST_S3"], conn_id="films_s3")
    with create_session() as session:
        session.add(known)
    yield s3
    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id == "films_s3"))


@pytest.fixture
def opened(api_server: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All files that are opened to be shown."""
    files: list[Any] = []

    def note(*args: Any) -> StoredFile:
        files.append(found := open_stored_file(*args))
        return found

    monkeypatch.setattr("airflow_provider_kling.plugins.app.open_stored_file", note)
    return files


@pytest.fixture
def stored_task(tmp_path: Path) -> Path:
    folder = tmp_path / "842"
    folder.mkdir()
    (folder / "0-video.mp4").write_bytes(MP4)
    return folder / "0-video.mp4"


@pytest.fixture
def film(api_server: Any, stored_task: Path) -> TaskInstanceRow:
    """A finished task instance whose video was stored."""
    value = result(path=f"file://{stored_task}", bytes=len(MP4), sha256=hashlib.sha256(MP4).hexdigest())
    fields = {"prompt": "A harbour <b>at</b> dawn", "output_path": str(stored_task.parent.parent)}
    one = instance(xcoms={"return_value": value}, fields=fields)
    put([one])
    record(one, stored_task.parent)
    return one


def cards(browser: Browser, one: TaskInstanceRow, **query: Any) -> Any:
    return browser.get(f"/kling/dags/{one.dag_id}/cards", params={"run_id": one.run_id, **query})


def address(browser: Browser, one: TaskInstanceRow) -> str:
    (card,) = cards(browser, one).json()["cards"]
    return f"/kling/{card['items'][0]['file']}"


def test_the_tab_is_registered(viewer: Browser) -> None:
    plugins = {plugin["name"]: plugin for plugin in viewer.get("/api/v2/plugins").json()["plugins"]}
    tabs = plugins["kling"]["external_views"]
    assert {tab["destination"]: tab["url_route"] for tab in tabs} == {
        "task_instance": "kling",
        "dag_run": "kling-run",
    }
    assert viewer.get("/api/v2/plugins/importErrors").json()["import_errors"] == []


def test_a_reader_of_the_dag_sees_the_result(viewer: Browser, film: TaskInstanceRow) -> None:
    (card,) = cards(viewer, film).json()["cards"]
    assert card["prompt"] == "A harbour <b>at</b> dawn"
    assert (card["units"], card["job"], card["items"][0]["seconds"]) == ("3", "842", 5.1)
    assert card["items"][0]["url"].endswith("?sign=1")


@pytest.mark.parametrize(
    ("name", "status"), [("", 401), ("no-dag", 403), ("no-xcoms", 403), ("no-task-instances", 403)]
)
def test_a_user_who_may_not_read_the_dag_sees_nothing(
    as_user: Callable[[str], Browser], viewer: Browser, film: TaskInstanceRow, name: str, status: int
) -> None:
    location, other = address(viewer, film), as_user(name)
    for response in (cards(other, film), other.get(location), other.head(location)):
        assert response.status_code == status
        assert b"842" not in response.content
        assert MP4[:24] not in response.content


def test_another_dag_in_the_query_opens_no_door(
    as_user: Callable[[str], Browser], film: TaskInstanceRow
) -> None:
    response = cards(as_user("no-dag"), film, dag_id="other", task_id="film")
    assert response.status_code == 403
    # The DAG that may be read has none of the other's files.
    allowed = as_user("no-dag").get("/kling/dags/other/cards", params={"run_id": RUN, "dag_id": film.dag_id})
    assert allowed.json()["cards"] == []


def test_a_stored_file_is_streamed_in_parts(
    viewer: Browser, film: TaskInstanceRow, opened: list[StoredFile]
) -> None:
    location = address(viewer, film)
    whole = viewer.get(location)
    assert (whole.status_code, whole.content) == (200, MP4)
    part = viewer.get(location, headers={"Range": "bytes=10-109"})
    assert (part.status_code, part.content) == (206, MP4[10:110])
    assert part.headers["content-range"] == f"bytes 10-109/{len(MP4)}"
    end = viewer.get(location, headers={"Range": "bytes=-7"})
    assert end.content == MP4[-7:]
    outside = viewer.get(location, headers={"Range": f"bytes={len(MP4)}-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{len(MP4)}")
    head = viewer.head(location)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(MP4)))
    assert [each.file.closed for each in opened] == [True] * 5


def test_a_part_of_another_version_is_not_mixed_in(viewer: Browser, film: TaskInstanceRow) -> None:
    headers = {"Range": "bytes=0-9", "If-Range": '"another"'}
    response = viewer.get(address(viewer, film), headers=headers)
    assert (response.status_code, response.content) == (200, MP4)


def test_a_browser_revalidates_its_cache(
    viewer: Browser, film: TaskInstanceRow, opened: list[StoredFile]
) -> None:
    location = address(viewer, film)
    tag = viewer.get(location).headers["etag"]
    assert viewer.get(location).headers["cache-control"] == "private, no-cache"
    assert viewer.get(location, headers={"If-None-Match": tag}).status_code == 304
    assert [each.file.closed for each in opened] == [True] * 3


@pytest.mark.parametrize(
    "sha256", ['x"\r\nSet-Cookie: a=b', "Ab" * 32, "ab" * 31, "caf\u00e9\u2603", 7, "ab" * 32 + "\n"]
)
def test_what_is_no_hash_becomes_no_header(viewer: Browser, stored_task: Path, sha256: Any) -> None:
    one = instance(xcoms={"return_value": result(path=f"file://{stored_task}", sha256=sha256)})
    put([one])
    record(one, stored_task.parent)
    response = viewer.get(address(viewer, one))
    assert (response.status_code, response.content) == (200, MP4)
    assert not {"etag", "set-cookie"} & set(response.headers)


@pytest.mark.parametrize("odd", [float("nan"), "nan", "inf", "1e999", 10**400, "\ud83d", [{}]])
@pytest.mark.parametrize("name", ["duration", "units", "endpoint", "created_at"])
def test_one_odd_result_does_not_break_the_whole_page(viewer: Browser, name: str, odd: Any) -> None:
    value = result(duration=odd) if name == "duration" else {**result(), name: odd}
    dag_id = f"films{next(_numbers)}"
    valid = instance(dag_id=dag_id, task_id="good", xcoms={"return_value": result()})
    put([valid, instance(dag_id=dag_id, task_id="odd", xcoms={"return_value": value})])
    response = cards(viewer, valid)
    assert response.status_code == 200
    assert [card["items"][0]["media"] for card in response.json()["cards"]] == ["video", "video"]


def test_what_is_streamed_cannot_run(viewer: Browser, film: TaskInstanceRow) -> None:
    headers = viewer.get(address(viewer, film)).headers
    assert headers["content-type"] == "video/mp4"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    page = viewer.get("/kling/").headers["content-security-policy"]
    assert "default-src 'none'" in page
    assert "unsafe" not in page
    assert "frame-ancestors 'self'" in page


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "{root}/842/../842/0-video.mp4",
        "{root}/842/%2e%2e/842/0-video.mp4",
        "{root}/other/0-video.mp4",
        "{root}/842/1-video.mp4",
        "{root}/842/0-video",
        "{root}/842/0-video.mp4?x=1",
        "simplecache::file://{root}/842/0-video.mp4",
        "http://169.254.169.254/842/0-video.mp4",
        "HTTPS://h/842/0-video.mp4",
        "ftp://h/842/0-video.mp4",
        "0-video.mp4",
        "",
    ],
)
def test_only_stored_result_files_are_streamed(viewer: Browser, stored_task: Path, path: str) -> None:
    for folder in (stored_task.parent, stored_task.parent.parent / "other"):
        folder.mkdir(exist_ok=True)
        for name in ("0-video.mp4", "1-video.mp4", "0-video"):
            (folder / name).write_bytes(MP4)
    one = instance(xcoms={"return_value": result(path=path.format(root=stored_task.parent.parent))})
    put([one])
    query = {"run_id": RUN, "task_id": "film", "item": "videos[0].url"}
    response = viewer.get(f"/kling/dags/{one.dag_id}/file", params=query)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "scheme",
    [
        " http",
        "\thttp",
        "\u00a0http",
        "http",
        "HTTPS",
        "ftp",
        "sftp",
        "hdfs",
        "webhdfs",
        "simplecache::http",
        "S3",
    ],
)
def test_no_file_is_requested_from_a_server(viewer: Browser, opened: list[StoredFile], scheme: str) -> None:
    """fsspec would read from any host of the API server's network."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        path = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/842/0-video.mp4"
        one = instance(xcoms={"return_value": result(path=path)})
        put([one])
        response = viewer.get(address(viewer, one))
        assert response.status_code == 404
        assert "is not a supported storage scheme" in response.json()["detail"]
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("output_path", "status"),
    [
        ("{root}", 200),
        ("file://{root}/", 200),
        ("{root}/other/..", 200),
        ("{last}", 404),
        ({"path": "file://{root}", "conn_id": None}, 200),
        ("../films", 404),
        (".", 404),
        ("./{last}", 404),
        ("{root}/842", 404),
        ("{root}/mine", 404),
        ("s3://bucket/out", 404),
        ("elsewhere", 404),
        ("None", 404),
        (None, 404),
        ("", 404),
    ],
)
def test_a_task_shows_files_below_its_output_path(
    viewer: Browser, stored_task: Path, output_path: Any, status: int
) -> None:
    """A user who may write XComs of one DAG may not read the files of another one through them."""
    root = stored_task.parent.parent

    def filled(text: Any) -> Any:
        return text.format(root=root, last=root.name) if isinstance(text, str) else text

    values = {k: filled(v) for k, v in output_path.items()} if isinstance(output_path, dict) else output_path
    fields = {"prompt": "A harbour", "output_path": filled(values)}
    one = instance(xcoms={"return_value": result(path=str(stored_task))}, fields=fields)
    put([one])
    record(one, stored_task.parent)
    assert viewer.get(address(viewer, one)).status_code == status


@pytest.mark.parametrize(
    ("output_path", "status"),
    [
        ("s3://films_s3@studio/kept", 200),
        ("s3://films_s3@studio/kept/", 200),
        ({"path": "s3://studio/kept", "conn_id": "films_s3"}, 200),
        ({"path": "s3://studio/kept", "conn_id": "another"}, 404),
        ("s3://studio/kept/", 404),
        ("s3://another@studio/kept", 404),
        ("gs://films_s3@studio/kept", 404),
        ("/kept", 404),
        ("s3://***/kept", 200),
        ("s3://studio/other", 404),
        ("s3://studio/ke", 404),
        ("s3://another/kept", 404),
    ],
)
def test_a_file_in_a_bucket_is_served_below_the_output_path_only(
    viewer: Browser, films_s3: S3Server, output_path: Any, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine the first request to a storage takes longer than users should wait.
    monkeypatch.setattr("airflow_provider_kling.plugins.app._POOL", StoragePool(size=4, wait=60, timeout=120))
    films_s3.put("kept/842/0-video.mp4", MP4)
    value = result(path=films_s3.uri("kept/842/0-video.mp4", "films_s3"))
    one = instance(xcoms={"return_value": value}, fields={"output_path": output_path})
    put([one])
    films_s3.put("kept/842/manifest.json", manifest(one))
    assert viewer.get(address(viewer, one)).status_code == status


def test_a_task_without_an_output_path_shows_no_file(viewer: Browser, stored_task: Path) -> None:
    one = instance(xcoms={"return_value": result(path=str(stored_task))}, fields={"op_args": []})
    put([one], operator="PythonOperator")
    assert viewer.get(f"/kling/{to_card(one)['items'][0]['file']}").status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"[core]\nfernet_key = secret\n",
        b"%PDF-1.7",
        b"",
    ],
)
def test_only_images_videos_and_audio_are_streamed(
    viewer: Browser, film: TaskInstanceRow, stored_task: Path, content: bytes
) -> None:
    stored_task.write_bytes(content)
    response = viewer.get(address(viewer, film))
    assert response.status_code == 404
    assert "no image, video or audio" in response.json()["detail"]


def test_a_file_in_s3_is_streamed_with_the_connection_that_its_path_names(
    viewer: Browser, films_s3: S3Server
) -> None:
    films_s3.put("kept/842/0-video.mp4", MP4)
    one = instance(xcoms={"return_value": result(path=films_s3.uri("kept/842/0-video.mp4", "films_s3"))})
    put([one])
    films_s3.put("kept/842/manifest.json", manifest(one))
    response = viewer.get(address(viewer, one), headers={"Range": "bytes=100-"})
    assert (response.status_code, response.content) == (206, MP4[100:])


def test_a_storage_that_is_down_is_no_missing_file(viewer: Browser, s3: S3Server) -> None:
    down = instance(xcoms={"return_value": result(path=s3.uri("842/0-video.mp4", "kling_test_s3_down"))})
    missing = instance(xcoms={"return_value": result(path=s3.uri("842/0-video.mp4", "kling_test_s3"))})
    put([down, missing])
    assert viewer.get(address(viewer, down)).status_code == 502
    assert viewer.get(address(viewer, missing)).status_code == 404


def test_a_missing_file_is_a_clear_error(viewer: Browser, film: TaskInstanceRow, stored_task: Path) -> None:
    stored_task.unlink()
    response = viewer.get(address(viewer, film))
    assert (response.status_code, response.json()["detail"]) == (
        404,
        "The file cannot be shown: it does not exist.",
    )


@pytest.mark.parametrize("query", [{"item": ""}, {"item": "videos[9].url"}, {"map_index": 3}])
def test_places_that_the_xcom_does_not_name_are_unknown(
    viewer: Browser, film: TaskInstanceRow, query: dict[str, Any]
) -> None:
    known = {"run_id": RUN, "task_id": "film", "item": "videos[0].url"}
    response = viewer.get(f"/kling/dags/{film.dag_id}/file", params=known | query)
    assert response.status_code == 404


def test_a_run_shows_kling_tasks_only(viewer: Browser) -> None:
    film, own, other = (instance(task_id=name, dag_id="mixed") for name in ("film", "own", "other"))
    put([film])
    put([own, other], operator="ShootOperator")
    push(own, "external_task_id", "af-1")
    push(other, "return_value", result())
    shown = cards(viewer, film).json()["cards"]
    assert [card["task_id"] for card in shown] == ["film", "own"]


def test_a_long_run_comes_in_pages(viewer: Browser) -> None:
    dag_id = f"films{next(_numbers)}"
    put(instance(dag_id=dag_id, map_index=number) for number in range(120))
    first = cards(viewer, instance(dag_id=dag_id)).json()
    second = cards(viewer, instance(dag_id=dag_id), offset=first["next"]).json()
    shown = [card["map_index"] for page in (first, second) for card in page["cards"]]
    assert shown == list(range(120))
    assert second["next"] is None
    (one,) = cards(viewer, instance(dag_id=dag_id), task_id="film", map_index=7).json()["cards"]
    assert one["map_index"] == 7


def test_the_page_and_its_parts_are_served(viewer: Browser) -> None:
    page = viewer.get("/kling/")
    assert page.headers["content-type"].startswith("text/html")
    for part in (
        "kling.js",
        "batch.js",
        "viewer.js",
        "render.js",
        "format.js",
        "theme.js",
        "kling.css",
        "icon.svg",
        "icon-dark.svg",
    ):
        assert viewer.get(f"/kling/static/{part}").status_code == 200
    assert viewer.get("/kling/static/index.html").status_code == 404
    assert viewer.get("/kling/static/..%2fweb.py").status_code == 404


@pytest.mark.parametrize(
    "airflow",
    [
        {"dag_id": "another"},
        {"run_id": "manual__another"},
        {"task_id": "another"},
        {"map_index": 0},
        {"map_index": "-1"},
        {"map_index": None},
        {"dag_id": None},
    ],
)
@pytest.mark.parametrize("fields", [{}, {"output_path": "{root}"}, {"output_path": "***"}])
def test_a_file_of_another_task_instance_is_not_served(
    viewer: Browser, stored_task: Path, airflow: dict[str, Any], fields: dict[str, str]
) -> None:
    root = str(stored_task.parent.parent)
    one = instance(
        xcoms={"return_value": result(path=str(stored_task))},
        fields={name: text.format(root=root) for name, text in fields.items()},
    )
    put([one])
    record(one, stored_task.parent, **airflow)
    response = viewer.get(address(viewer, one))
    assert response.status_code == 404
    assert "no manifest says" in response.json()["detail"]
    record(one, stored_task.parent)
    assert viewer.get(address(viewer, one)).content == MP4


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"[]",
        b"{",
        b'{"version": 1, "request": {}, "files": []}',
        b'{"version": 1, "request": {}, "files": [], "airflow": []}',
    ],
)
def test_without_a_manifest_that_names_it_nothing_is_served(
    viewer: Browser, film: TaskInstanceRow, stored_task: Path, content: bytes | None
) -> None:
    location = stored_task.parent / "manifest.json"
    location.unlink()
    if content is not None:
        location.write_bytes(content)
    assert viewer.get(address(viewer, film)).status_code == 404


@pytest.mark.parametrize("linked", ["file", "folder", "manifest"])
@pytest.mark.parametrize("known", [True, False])
def test_a_link_to_somewhere_else_is_not_followed(
    viewer: Browser, tmp_path: Path, linked: str, known: bool
) -> None:
    elsewhere, folder = tmp_path / "secret" / "842", tmp_path / "mine" / "842"
    elsewhere.mkdir(parents=True)
    folder.parent.mkdir()
    fields = {"output_path": str(folder.parent)} if known else {}
    one = instance(xcoms={"return_value": result(path=str(folder / "0-video.mp4"))}, fields=fields)
    put([one])
    contents = {"0-video.mp4": MP4, "manifest.json": manifest(one)}
    for name, content in contents.items():
        (elsewhere / name).write_bytes(content)
    if linked == "folder":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir()
        for name, content in contents.items():
            if (name == "manifest.json") == (linked == "manifest"):
                (folder / name).symlink_to(elsewhere / name)
            else:
                (folder / name).write_bytes(content)
    assert viewer.get(address(viewer, one)).status_code == 404


@pytest.mark.parametrize("offset", ["-1", "2147483648", "99999999999999999999", "9" * 5000, "nan", "x"])
def test_an_offset_that_no_database_knows_is_refused(
    viewer: Browser, film: TaskInstanceRow, offset: str
) -> None:
    assert cards(viewer, film, offset=offset).status_code == 422
    assert cards(viewer, film, map_index=offset if offset != "-1" else "-2").status_code == 422


def test_a_silent_storage_does_not_stop_the_server(
    viewer: Browser, film: TaskInstanceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    location, silent = address(viewer, film), threading.Event()
    web = "airflow_provider_kling.plugins.app"
    monkeypatch.setattr(f"{web}.open_stored_file", lambda *_: silent.wait(60))
    monkeypatch.setattr(f"{web}._POOL", StoragePool(size=1, wait=0.1, timeout=0.2))
    try:
        for _ in range(3):
            response = viewer.get(location)
            assert (response.status_code, response.headers["retry-after"]) == (503, "10")
        assert cards(viewer, film).status_code == 200
    finally:
        silent.set()


@pytest.mark.parametrize("value", ["842123456789012345", "1e5", "007"])
def test_an_id_is_text_whatever_it_looks_like(viewer: Browser, value: str) -> None:
    one = instance(xcoms={"task_id": value, "external_task_id": value, "return_value": None})
    put([one])
    (card,) = cards(viewer, one).json()["cards"]
    assert (card["job"], card["external_id"]) == (value, value)


def test_a_number_as_id_is_not_rounded_in_the_browser(viewer: Browser) -> None:
    one = instance(xcoms={"return_value": {**result(), "task_id": 842123456789012345}})
    put([one])
    assert cards(viewer, one).json()["cards"][0]["job"] == "842123456789012345"
