# SPDX-License-Identifier: Apache-2.0
"""The preview's web application inside Airflow's own: who sees what."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.plugins.cards import Instance
from tests.plugins.conftest import Browser
from tests.plugins.database import push, put
from tests.storages import S3Server

pytestmark = pytest.mark.airflow

MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(range(256)) * 40
RUN = "manual__2026-11-20T10:00:00+00:00"
_numbers = itertools.count(1)


def result(**more: Any) -> dict[str, Any]:
    video = {"id": "v1", "url": "https://cdn.klingai.com/v1.mp4?sign=1", "duration": "5.1", **more}
    return {"task_id": "842", "endpoint": "videos/text2video", "units": "3", "videos": [video]}


def instance(**values: Any) -> Instance:
    defaults = {"dag_id": f"films{next(_numbers)}", "run_id": RUN, "task_id": "film", "map_index": -1}
    return Instance(**{**defaults, "state": "success", "try_number": 1, **values})


@pytest.fixture
def landed(tmp_path: Path) -> Path:
    folder = tmp_path / "842"
    folder.mkdir()
    (folder / "0-video.mp4").write_bytes(MP4)
    return folder / "0-video.mp4"


@pytest.fixture
def film(api_server: Any, landed: Path) -> Instance:
    """A finished task instance whose video was landed."""
    value = result(path=f"file://{landed}", bytes=len(MP4), sha256=hashlib.sha256(MP4).hexdigest())
    one = instance(xcoms={"return_value": value}, fields={"prompt": "A harbour <b>at</b> dawn"})
    put([one])
    return one


def cards(browser: Browser, one: Instance, **query: Any) -> Any:
    return browser.get(f"/kling/dags/{one.dag_id}/cards", params={"run_id": one.run_id, **query})


def address(browser: Browser, one: Instance) -> str:
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


def test_a_reader_of_the_dag_sees_the_result(viewer: Browser, film: Instance) -> None:
    (card,) = cards(viewer, film).json()["cards"]
    assert card["prompt"] == "A harbour <b>at</b> dawn"
    assert (card["units"], card["job"], card["items"][0]["seconds"]) == ("3", "842", 5.1)
    assert card["items"][0]["url"].endswith("?sign=1")


@pytest.mark.parametrize(
    ("name", "status"), [("", 401), ("no-dag", 403), ("no-xcoms", 403), ("no-task-instances", 403)]
)
def test_whoever_may_not_read_the_dag_sees_nothing(
    as_user: Callable[[str], Browser], viewer: Browser, film: Instance, name: str, status: int
) -> None:
    where, other = address(viewer, film), as_user(name)
    for answer in (cards(other, film), other.get(where), other.head(where)):
        assert answer.status_code == status
        assert b"842" not in answer.content
        assert MP4[:24] not in answer.content


def test_another_dag_in_the_query_opens_no_door(as_user: Callable[[str], Browser], film: Instance) -> None:
    answer = cards(as_user("no-dag"), film, dag_id="other", task_id="film")
    assert answer.status_code == 403
    # The DAG that may be read has none of the other's files.
    allowed = as_user("no-dag").get("/kling/dags/other/cards", params={"run_id": RUN, "dag_id": film.dag_id})
    assert allowed.json()["cards"] == []


def test_a_landed_file_is_streamed_in_parts(viewer: Browser, film: Instance) -> None:
    where = address(viewer, film)
    whole = viewer.get(where)
    assert (whole.status_code, whole.content) == (200, MP4)
    part = viewer.get(where, headers={"Range": "bytes=10-109"})
    assert (part.status_code, part.content) == (206, MP4[10:110])
    assert part.headers["content-range"] == f"bytes 10-109/{len(MP4)}"
    end = viewer.get(where, headers={"Range": "bytes=-7"})
    assert end.content == MP4[-7:]
    outside = viewer.get(where, headers={"Range": f"bytes={len(MP4)}-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{len(MP4)}")
    head = viewer.head(where)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(MP4)))


def test_a_part_of_another_version_is_not_mixed_in(viewer: Browser, film: Instance) -> None:
    headers = {"Range": "bytes=0-9", "If-Range": '"another"'}
    answer = viewer.get(address(viewer, film), headers=headers)
    assert (answer.status_code, answer.content) == (200, MP4)


def test_a_browser_asks_again_before_it_shows_what_it_kept(viewer: Browser, film: Instance) -> None:
    where = address(viewer, film)
    tag = viewer.get(where).headers["etag"]
    assert viewer.get(where).headers["cache-control"] == "private, no-cache"
    assert viewer.get(where, headers={"If-None-Match": tag}).status_code == 304


def test_what_is_streamed_cannot_run(viewer: Browser, film: Instance) -> None:
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
        "0-video.mp4",
        "",
    ],
)
def test_only_what_landing_wrote_is_streamed(viewer: Browser, landed: Path, path: str) -> None:
    for folder in (landed.parent, landed.parent.parent / "other"):
        folder.mkdir(exist_ok=True)
        for name in ("0-video.mp4", "1-video.mp4", "0-video"):
            (folder / name).write_bytes(MP4)
    one = instance(xcoms={"return_value": result(path=path.format(root=landed.parent.parent))})
    put([one])
    query = {"run_id": RUN, "task_id": "film", "item": "videos[0].url"}
    answer = viewer.get(f"/kling/dags/{one.dag_id}/file", params=query)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"


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
def test_only_pictures_videos_and_sounds_are_streamed(
    viewer: Browser, film: Instance, landed: Path, content: bytes
) -> None:
    landed.write_bytes(content)
    answer = viewer.get(address(viewer, film))
    assert answer.status_code == 404
    assert "no picture, video or sound" in answer.json()["detail"]


def test_a_file_in_s3_is_streamed_with_the_connection_that_its_path_names(
    viewer: Browser, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models import Connection
    from airflow.utils.session import create_session

    # From the database, where the API server has its connections, not from this process's environment.
    known = Connection.from_json(os.environ["AIRFLOW_CONN_KLING_TEST_S3"], conn_id="films_s3")
    with create_session() as session:
        session.add(known)
    s3.put("kept/842/0-video.mp4", MP4)
    one = instance(xcoms={"return_value": result(path=s3.uri("kept/842/0-video.mp4", "films_s3"))})
    put([one])
    answer = viewer.get(address(viewer, one), headers={"Range": "bytes=100-"})
    assert (answer.status_code, answer.content) == (206, MP4[100:])


def test_a_storage_that_is_down_is_told_from_a_file_that_is_not_there(viewer: Browser, s3: S3Server) -> None:
    down = instance(xcoms={"return_value": result(path=s3.uri("842/0-video.mp4", "kling_test_s3_down"))})
    missing = instance(xcoms={"return_value": result(path=s3.uri("842/0-video.mp4", "kling_test_s3"))})
    put([down, missing])
    assert viewer.get(address(viewer, down)).status_code == 502
    assert viewer.get(address(viewer, missing)).status_code == 404


def test_a_file_that_is_gone_says_so(viewer: Browser, film: Instance, landed: Path) -> None:
    landed.unlink()
    answer = viewer.get(address(viewer, film))
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "The file cannot be shown: it does not exist.",
    )


@pytest.mark.parametrize("query", [{"item": ""}, {"item": "videos[9].url"}, {"map_index": 3}])
def test_places_that_the_xcom_does_not_name_are_unknown(
    viewer: Browser, film: Instance, query: dict[str, Any]
) -> None:
    known = {"run_id": RUN, "task_id": "film", "item": "videos[0].url"}
    answer = viewer.get(f"/kling/dags/{film.dag_id}/file", params=known | query)
    assert answer.status_code == 404


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
    for part in ("kling.js", "show.js", "words.js", "kling.css", "icon.svg", "icon-dark.svg"):
        assert viewer.get(f"/kling/static/{part}").status_code == 200
    assert viewer.get("/kling/static/index.html").status_code == 404
    assert viewer.get("/kling/static/..%2fweb.py").status_code == 404
