# SPDX-License-Identifier: Apache-2.0
"""A paid result is kept: whole, once, wherever the user wants it."""

from __future__ import annotations

import json
import os
import random
import threading
from hashlib import sha256

import pytest
import time_machine
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.exceptions import KlingResultExpired, KlingResultNotKept, KlingTaskNotFound
from airflow_provider_kling.results import (
    DownloadRules,
    check_output_path,
    land,
    landed_task_ids,
    manifest_of_task,
)
from airflow_provider_kling.storage import StorageDown, StorageRefused, locate
from tests.results.conftest import MP4, RULES, Shelf, video_task
from tests.results.web import chunked, cut, endless, redirect, status, unmeasured, whole

VIDEO = MP4 + random.Random(1).randbytes(700_000)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(900)
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(900)


def test_video_lands(web, shelf):
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    landed = land(task, shelf.uri, rules=RULES, facts={"prompt": "a cat", "fingerprint": "f1"})
    item = landed["videos"][0]
    assert (item["bytes"], item["sha256"]) == (len(VIDEO), sha256(VIDEO).hexdigest())
    assert item["path"] == f"{shelf.uri}/8150001/0-video.mp4"
    assert (item["id"], item["url"], item["duration"]) == ("v-1", task["videos"][0]["url"], "5.1")
    assert "path" not in task["videos"][0]
    files = shelf.files()
    assert files.pop("8150001/manifest.json")
    assert files == {"8150001/0-video.mp4": VIDEO}
    place = locate(item["path"])
    assert place.fs.cat_file(place.path) == VIDEO


def test_manifest_says_what_it_is(web, shelf):
    signed = web.serve("/v.mp4", whole(VIDEO)) + "?Signature=geheim"
    facts = {"model_name": "kling-v3", "prompt": "a cat", "inputs": [{"value": "https://h/p.png?sig=geheim"}]}
    with time_machine.travel(1_790_000_100, tick=False):
        land(video_task(signed), shelf.uri, rules=RULES, facts=facts)
    manifest = json.loads(shelf.files()["8150001/manifest.json"])
    assert manifest == {
        "version": 1,
        "task_id": "8150001",
        "external_task_id": "af-1",
        "endpoint": "videos/image2video",
        "status": "succeed",
        "created_at": 1_790_000_000_000,
        "updated_at": 1_790_000_060_000,
        "expires_at": 1_792_592_060_000,
        "units": "2.4",
        "final_balance_deduction": None,
        "landed_at": 1_790_000_100_000,
        "request": {"model_name": "kling-v3", "prompt": "a cat", "inputs": [{"value": "https://h/p.png"}]},
        "files": [
            {
                "key": "videos[0].url",
                "name": "0-video.mp4",
                "type": "video/mp4",
                "bytes": len(VIDEO),
                "sha256": sha256(VIDEO).hexdigest(),
                "id": "v-1",
                "duration": "5.1",
            }
        ],
    }
    assert manifest_of_task(shelf.uri, "8150001") == manifest


def test_second_landing_fetches_nothing(web, shelf):
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    first = land(task, shelf.uri, rules=RULES)
    assert land(task, shelf.uri, rules=RULES) == first
    assert web.asked("/v.mp4") == 1


def test_lost_file_is_fetched_again(web, shelf):
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    first = land(task, shelf.uri, rules=RULES)
    place = locate(first["videos"][0]["path"])
    place.fs.rm(place.path)
    assert land(task, shelf.uri, rules=RULES) == first
    place.fs.pipe_file(place.path, VIDEO[:-1])
    assert land(task, shelf.uri, rules=RULES) == first
    assert web.asked("/v.mp4") == 3
    assert shelf.files()["8150001/0-video.mp4"] == VIDEO


def test_all_files_of_a_task_land_under_names_of_their_own(web, shelf):
    task = {
        "task_id": "7",
        "videos": [
            {"url": web.serve("/v", whole(VIDEO)), "watermark_url": web.serve("/w", whole(VIDEO + b"w"))}
        ],
        "images": [
            {"index": n, "url": web.serve(f"/{n}", whole(PNG + bytes([n]), "image/png"))} for n in range(3)
        ],
        "audios": [
            {
                "id": "a",
                "url_mp3": web.serve("/mp3", whole(MP3, "audio/mpeg")),
                "url_wav": web.serve("/wav", whole(b"RIFF1234WAVE" + bytes(50), "audio/wav")),
            }
        ],
    }
    landed = land(task, shelf.uri, rules=RULES)
    assert set(shelf.files()) == {
        "7/manifest.json",
        "7/0-video.mp4",
        "7/0-video-watermark.mp4",
        "7/0-image.png",
        "7/1-image.png",
        "7/2-image.png",
        "7/0-audio.mp3",
        "7/0-audio.wav",
    }
    video, audio = landed["videos"][0], landed["audios"][0]
    assert video["path"].endswith("/0-video.mp4")
    assert video["watermark_path"].endswith("/0-video-watermark.mp4")
    assert video["watermark_bytes"] == video["bytes"] + 1
    assert audio["path"] == audio["path_mp3"]
    assert audio["path_wav"].endswith("/0-audio.wav")
    assert [item["path"].rpartition("/")[2] for item in landed["images"]] == [
        f"{n}-image.png" for n in range(3)
    ]


def test_several_files_are_fetched_at_once(web, tmp_path):
    gate = threading.Barrier(3, timeout=10)

    def together(request):
        gate.wait()
        whole(PNG, "image/png")(request)

    task = {
        "task_id": "7",
        "images": [
            {
                "url_1": web.serve("/1", together),
                "url_2": web.serve("/2", together),
                "url_3": web.serve("/3", together),
            }
        ],
    }
    landed = land(task, str(tmp_path), rules=RULES)
    assert landed["images"][0]["path_3"].endswith("/0-image-3.png")
    assert not gate.broken


def test_cut_download_is_fetched_again(web, shelf):
    task = video_task(web.serve("/v.mp4", cut(VIDEO, 300_000), cut(VIDEO, 0), status(503), whole(VIDEO)))
    assert land(task, shelf.uri, rules=RULES)["videos"][0]["bytes"] == len(VIDEO)
    assert web.asked("/v.mp4") == 4
    assert set(shelf.files()) == {"8150001/0-video.mp4", "8150001/manifest.json"}


@pytest.mark.parametrize("shelf", ["local", "memory", "s3"], indirect=True)
def test_200_cuts_never_leave_a_half_file(web, shelf, request):
    """Each landing fails, at a random byte each; what is seen in the storage is never a part of a file."""
    rounds = random.Random(7)
    rules = DownloadRules(allow_private=True, attempts=1)
    large = MP4 + rounds.randbytes(2_000_000)
    for n in range(200):
        task = {
            **video_task(web.serve("/v.mp4", cut(large, rounds.randrange(len(large))))),
            "task_id": f"cut-{n}",
        }
        with pytest.raises(
            KlingResultNotKept, match="A retry of this task fetches it again without a new job"
        ):
            land(task, shelf.uri, rules=rules)
    assert shelf.files() == {}
    assert landed_task_ids(shelf.uri) == set()
    assert web.asked("/v.mp4") == 200
    web.serve("/v.mp4", whole(large))
    land(task, shelf.uri, rules=rules)
    assert shelf.files()["cut-199/0-video.mp4"] == large


def test_cut_in_a_later_part_of_an_s3_upload_leaves_nothing(web, s3):
    """Above 5 MB a file is uploaded in parts; those of a cut download are thrown away."""
    rounds = random.Random(3)
    large = MP4 + rounds.randbytes(12 << 20)
    rules = DownloadRules(allow_private=True, attempts=1)
    for _ in range(5):
        task = video_task(web.serve("/v.mp4", cut(large, rounds.randrange(6 << 20, len(large)))))
        with pytest.raises(KlingResultNotKept):
            land(task, s3.uri("out"), rules=rules)
    assert s3.stored() == []
    assert s3.open_uploads() == []
    land(video_task(web.serve("/v.mp4", whole(large))), s3.uri("out"), rules=rules)
    assert s3.open_uploads() == []
    assert Shelf(s3.uri("out")).files()["8150001/0-video.mp4"] == large


def test_reader_of_a_local_file_never_sees_a_part_of_it(web, tmp_path):
    """Also while an older file of that name is there."""
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    target = tmp_path / "8150001" / "0-video.mp4"
    land(task, str(tmp_path), rules=RULES)
    (tmp_path / "8150001" / "manifest.json").unlink()
    seen, done = set(), threading.Event()

    def look():
        while not done.is_set():
            seen.add(len(target.read_bytes()))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(10):
        (tmp_path / "8150001" / "manifest.json").unlink(missing_ok=True)
        land(task, str(tmp_path), rules=RULES)
    done.set()
    reader.join()
    assert seen == {len(VIDEO)}


def test_leftovers_of_a_killed_writer_are_removed(web, tmp_path):
    (tmp_path / "8150001").mkdir()
    (tmp_path / "8150001" / ".0-video.mp4.abcd.part").write_bytes(b"half")
    land(video_task(web.serve("/v.mp4", whole(VIDEO))), str(tmp_path), rules=RULES)
    assert sorted(os.listdir(tmp_path / "8150001")) == ["0-video.mp4", "manifest.json"]


def test_chunked_answers(web, shelf):
    web.serve("/v.mp4", chunked(VIDEO, complete=False), chunked(VIDEO))
    assert land(video_task(web.url("/v.mp4")), shelf.uri, rules=RULES)["videos"][0]["bytes"] == len(VIDEO)
    assert web.asked("/v.mp4") == 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (whole(b"<html>login</html>", "text/html"), "it should be a video, but its content is text/html"),
        (whole(b"<!DOCTYPE html>", "video/mp4"), "it should be a video, but its content is text/html"),
        (whole(b'{"code":1}', "application/json"), "it should be a video, but its content is text/plain"),
        (whole(PNG, "video/mp4"), "it should be a video, but its content is image/png"),
        (whole(bytes(9), "application/x"), "it should be a video, but its content is application/x"),
        (whole(b""), "the file is empty"),
        (unmeasured(VIDEO), "the server does not say how long the file is"),
        (status(500), "the server answers HTTP 500"),
        (status(206, VIDEO, "video/mp4"), "the server answers HTTP 206"),
        (cut(VIDEO, 600_000), "the connection broke"),
    ],
)
def test_what_is_no_result_is_not_kept(web, shelf, answer, says):
    with pytest.raises(KlingResultNotKept) as caught:
        land(video_task(web.serve("/v.mp4", answer)), shelf.uri, rules=RULES)
    text = str(caught.value)
    assert f"The result of task 8150001 could not be fetched: videos[0].url: {says}" in text or (
        says == "the connection broke" and "of 700" in text
    )
    assert "until 2026-10-21 14:14 UTC. The job has ended at Kling." in text
    assert not isinstance(caught.value, AirflowFailException)
    assert web.asked("/v.mp4") == 5
    assert shelf.files() == {}


def test_expired_address_is_read_again(web, shelf):
    web.serve("/old.mp4", status(403))
    fresh = video_task(web.serve("/new.mp4", whole(VIDEO)))
    asked = []
    landed = land(
        video_task(web.url("/old.mp4")), shelf.uri, rules=RULES, refresh=lambda: asked.append(1) or fresh
    )
    assert landed["videos"][0]["bytes"] == len(VIDEO)
    assert (len(asked), web.asked("/old.mp4"), web.asked("/new.mp4")) == (1, 1, 1)


def test_several_files_share_one_new_reading(web, tmp_path):
    web.serve("/old", status(403))
    stale = {"task_id": "7", "images": [{"url": web.url(f"/old?{n}")} for n in range(4)]}
    fresh = {
        "task_id": "7",
        "images": [{"url": web.serve(f"/{n}", whole(PNG, "image/png"))} for n in range(4)],
    }
    asked = []
    land(stale, str(tmp_path), rules=RULES, refresh=lambda: asked.append(1) or fresh)
    assert len(asked) == 1


def test_result_is_gone_after_30_days(web, shelf):
    task = video_task(web.serve("/v.mp4", status(404)))
    asked = []
    with time_machine.travel(task["expires_at"] / 1000 + 86_400), pytest.raises(KlingResultExpired) as caught:
        land(
            task,
            shelf.uri,
            rules=RULES,
            refresh=lambda: asked.append(1) or {**task, "videos": [{"url": web.url("/v.mp4?again")}]},
        )
    assert isinstance(caught.value, AirflowFailException)
    assert "Kling has deleted the result of task 8150001: it was kept until 2026-10-21 14:14 UTC" in str(
        caught.value
    )
    assert len(asked) == 1
    assert web.asked("/v.mp4") == 2


@pytest.mark.parametrize("refreshed", ["nothing", "no address", "not found"])
def test_other_ways_to_be_gone(web, tmp_path, refreshed):
    task = video_task(web.serve("/v.mp4", status(403)))

    def refresh():
        if refreshed == "not found":
            raise KlingTaskNotFound("Task not found by id")
        return {**task, "videos": []}

    with time_machine.travel(task["expires_at"] / 1000 + 86_400), pytest.raises(KlingResultExpired):
        land(task, str(tmp_path), rules=RULES, refresh=None if refreshed == "nothing" else refresh)
    with time_machine.travel(task["expires_at"] / 1000 - 86_400), pytest.raises(KlingResultNotKept):
        land(task, str(tmp_path), rules=RULES, refresh=None if refreshed == "nothing" else refresh)


def test_kept_result_needs_no_address_after_30_days(web, tmp_path):
    task = video_task(web.serve("/v.mp4", whole(VIDEO), status(404)))
    first = land(task, str(tmp_path), rules=RULES)
    with time_machine.travel(task["expires_at"] / 1000 + 86_400):
        assert land(task, str(tmp_path), rules=RULES) == first


def test_redirects_are_followed_to_a_limit(web, tmp_path):
    web.serve("/5", whole(VIDEO))
    for n in range(5):
        web.serve(f"/{n}", redirect(f"/{n + 1}"))
    assert land(video_task(web.url("/0")), str(tmp_path), rules=RULES)["videos"][0]["bytes"] == len(VIDEO)
    web.serve("/start", redirect("/0"))
    with pytest.raises(KlingResultNotKept, match="it is redirected more than 5 times"):
        land({**video_task(web.url("/start")), "task_id": "2"}, str(tmp_path), rules=RULES)
    assert web.asked("/start") == 1


def test_no_credentials_are_sent(web, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    land(video_task(web.serve("/v.mp4", whole(VIDEO))), str(tmp_path), rules=RULES)
    ((_, headers),) = web.requests
    assert not {"authorization", "cookie"} & {name.lower() for name in headers}


def test_too_large_a_file_is_refused(web, shelf):
    rules = DownloadRules(allow_private=True, max_bytes=500_000)
    for answer in (whole(VIDEO), chunked(VIDEO)):
        with pytest.raises(
            KlingResultNotKept, match="it is larger than 500000 bytes, the most that is accepted"
        ):
            land(video_task(web.serve("/v.mp4", answer)), shelf.uri, rules=rules)
    assert shelf.files() == {}
    assert web.asked("/v.mp4") == 2


def test_one_bad_file_stops_the_others(web, tmp_path):
    slow = endless(1 << 40, PNG, "image/png")
    task = {"task_id": "7", "images": [{"url": web.serve("/a", slow)}, {"url": "ftp://h/b.png"}]}
    with pytest.raises(
        KlingResultNotKept, match=r"images\[1\].url: its address is refused: ftp is not http or https"
    ):
        land(task, str(tmp_path), rules=RULES)
    assert [*tmp_path.rglob("*.png"), *tmp_path.rglob("*.part")] == []


def test_interruption_leaves_nothing(web, shelf, monkeypatch):
    """A timeout or a kill reaches the code as an exception that nothing may swallow."""

    class Killed(BaseException):
        pass

    from airflow_provider_kling.results import write

    written = []

    def once(self, data):
        written.append(data)
        if len(written) > 1:
            raise Killed
        self._file.write(data)

    monkeypatch.setattr(write.WholeFile, "write", once)
    with pytest.raises(Killed):
        land(video_task(web.serve("/v.mp4", whole(VIDEO))), shelf.uri, rules=RULES)
    assert shelf.files() == {}


def test_landed_tasks_are_listed(web, shelf):
    url = web.serve("/v.mp4", whole(VIDEO))
    for task_id in ("1", "2"):
        land({**video_task(url), "task_id": task_id}, f"{shelf.uri}/2026-11-20", rules=RULES)
    land({**video_task(url), "task_id": "3"}, shelf.uri, rules=RULES)
    place = locate(f"{shelf.uri}/4/0-video.mp4")
    place.fs.makedirs(place.path.rpartition("/")[0], exist_ok=True)
    place.fs.pipe_file(place.path, VIDEO)  # a landing that did not end
    assert landed_task_ids(shelf.uri) == {"1", "2", "3"}
    assert landed_task_ids(f"{shelf.uri}/nothing-here") == set()
    assert manifest_of_task(shelf.uri, "4") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 99, "files": []}', b'{"version": 1}'])
def test_unreadable_manifest_counts_as_none(web, shelf, content):
    place = locate(f"{shelf.uri}/8150001/manifest.json")
    place.fs.makedirs(place.path.rpartition("/")[0], exist_ok=True)
    place.fs.pipe_file(place.path, content)
    land(video_task(web.serve("/v.mp4", whole(VIDEO))), shelf.uri, rules=RULES)
    assert manifest_of_task(shelf.uri, "8150001")["files"][0]["bytes"] == len(VIDEO)


@pytest.mark.parametrize("bad", ["s3", "local", "unknown"])
def test_storage_that_cannot_take_the_files(web, s3, tmp_path, bad):
    (tmp_path / "file").touch()
    output, says = {
        "s3": ("s3://kling_test_s3@no-such-bucket/out", "it does not exist"),
        "local": (str(tmp_path / "file" / "out"), "a part of its path is a file"),
        "unknown": ("zzz://bucket/out", "ValueError"),
    }[bad]
    with pytest.raises(KlingResultNotKept, match=f"cannot be kept in {output}: {says}"):
        land(video_task(web.serve("/v.mp4", whole(VIDEO))), output, rules=RULES)


def test_storage_that_is_down(web, s3):
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    with pytest.raises(KlingResultNotKept, match="A retry of this task fetches it again without a new job"):
        land(task, s3.uri("out", "kling_test_s3_down"), rules=RULES)


def test_output_path_is_checked_before_anything_is_paid(s3, tmp_path):
    check_output_path(s3.uri("out"))
    check_output_path(str(tmp_path / "new"))
    check_output_path("memory://anything/out")
    for bad in ("zzz://bucket/out", "gs-typo://b/out", "s3://kling_test_s3@no-such-bucket/out"):
        with pytest.raises(StorageRefused):
            check_output_path(bad)
    with pytest.raises(StorageDown):
        check_output_path(s3.uri("out", "kling_test_s3_down"))


def test_names_from_outside_lead_nowhere_else(web, tmp_path):
    url = web.serve("/v.mp4", whole(VIDEO))
    for task_id in ("../../evil", "/etc/evil", "..", "a/b", "x" * 300, "", "ö\0"):
        landed = land(
            {**video_task(url), "task_id": task_id, "external_task_id": None}, str(tmp_path), rules=RULES
        )
        place = locate(landed["videos"][0]["path"]).path
        assert os.path.dirname(os.path.dirname(os.path.realpath(place))) == str(tmp_path)
    assert len(os.listdir(tmp_path)) == 7


def test_task_without_files_is_returned_as_it_is(tmp_path):
    task = {
        "task_id": "1",
        "elements": [{"element_id": 5}],
        "videos": [],
        "faces": [{"face_image": "https://h/f"}],
    }
    assert land(task, str(tmp_path), rules=RULES) == task
    assert os.listdir(tmp_path) == []
