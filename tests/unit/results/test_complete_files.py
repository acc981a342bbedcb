# SPDX-License-Identifier: Apache-2.0
"""Stored files are complete, whatever fails."""

from __future__ import annotations

import gzip
import os
import random
import threading
import time
import zlib

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.exceptions import KlingResultNotKept
from airflow_provider_kling.results import store
from airflow_provider_kling.results.download import DownloadOptions
from airflow_provider_kling.results.manifest import stored_task_ids
from airflow_provider_kling.results.store import store_result
from tests.unit.results.conftest import PNG, RULES, VIDEO, Shelf, movie, video_task
from tests.unit.results.web import chunked, cut, dripping, dropwise, raw, status, unmeasured, whole

ONCE = DownloadOptions(allow_private=True, attempts=1)


def test_cut_download_is_fetched_again(web, shelf):
    task = video_task(web.serve("/v.mp4", cut(VIDEO, 300_000), cut(VIDEO, 0), status(503), whole(VIDEO)))
    assert store_result(task, shelf.uri, options=RULES)["videos"][0]["bytes"] == len(VIDEO)
    assert web.request_count("/v.mp4") == 4
    assert set(shelf.files()) == {"8150001/0-video.mp4", "8150001/manifest.json"}


def test_200_cuts_never_leave_a_half_file(web, shelf):
    """Each store fails at a random byte; the storage never shows a part of a file."""
    rounds = random.Random(7)
    rules = DownloadOptions(allow_private=True, attempts=1)
    large = movie(rounds.randbytes(2_000_000))
    for n in range(200):
        task = {
            **video_task(web.serve("/v.mp4", cut(large, rounds.randrange(len(large))))),
            "task_id": f"cut-{n}",
        }
        with pytest.raises(
            KlingResultNotKept, match="A retry of this task fetches it again without a new job"
        ):
            store_result(task, shelf.uri, options=rules)
    assert shelf.files() == {}
    assert stored_task_ids(shelf.uri) == set()
    assert web.request_count("/v.mp4") == 200
    web.serve("/v.mp4", whole(large))
    store_result(task, shelf.uri, options=rules)
    assert shelf.files()["cut-199/0-video.mp4"] == large


def test_cut_in_a_later_part_of_an_s3_upload_leaves_nothing(web, s3):
    """Above 5 MB a file is uploaded in parts; those of a cut download are thrown away."""
    rounds = random.Random(3)
    large = movie(rounds.randbytes(12 << 20))
    rules = DownloadOptions(allow_private=True, attempts=1)
    for _ in range(5):
        task = video_task(web.serve("/v.mp4", cut(large, rounds.randrange(6 << 20, len(large)))))
        with pytest.raises(KlingResultNotKept):
            store_result(task, s3.uri("out"), options=rules)
    assert s3.stored() == []
    assert s3.open_uploads() == []
    store_result(video_task(web.serve("/v.mp4", whole(large))), s3.uri("out"), options=rules)
    assert s3.open_uploads() == []
    assert Shelf(s3.uri("out")).files()["8150001/0-video.mp4"] == large


def test_reader_of_a_local_file_never_sees_a_part_of_it(web, tmp_path):
    """Also while an older file of that name is there."""
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    target = tmp_path / "8150001" / "0-video.mp4"
    store_result(task, str(tmp_path), options=RULES)
    (tmp_path / "8150001" / "manifest.json").unlink()
    seen, done = set(), threading.Event()

    def look():
        while not done.is_set():
            seen.add(len(target.read_bytes()))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(10):
        (tmp_path / "8150001" / "manifest.json").unlink(missing_ok=True)
        store_result(task, str(tmp_path), options=RULES)
    done.set()
    reader.join()
    assert seen == {len(VIDEO)}


def test_leftovers_of_a_killed_writer_are_removed(web, tmp_path):
    (tmp_path / "8150001").mkdir()
    part = tmp_path / "8150001" / ".0-video.mp4.abcd.part"
    part.write_bytes(b"half")
    os.utime(part, (time.time() - 86_400,) * 2)
    store_result(video_task(web.serve("/v.mp4", whole(VIDEO))), str(tmp_path), options=RULES)
    assert sorted(os.listdir(tmp_path / "8150001")) == ["0-video.mp4", "manifest.json"]


@pytest.mark.parametrize("storage", ["local", "memory"])
def test_two_workers_store_one_task_at_the_same_time(web, tmp_path, storage):
    """As a sweep and the task itself may: what one is still writing the other leaves alone."""
    output = str(tmp_path) if storage == "local" else f"memory://two-{tmp_path.name}"
    half, go_on = threading.Event(), threading.Event()

    def slow(request):
        request.send_response(200)
        request.send_header("Content-Length", str(len(VIDEO)))
        request.end_headers()
        request.wfile.write(VIDEO[:400_000])
        half.set()
        go_on.wait(20)
        request.wfile.write(VIDEO[400_000:])

    results = []
    task = video_task(web.serve("/slow.mp4", slow))
    first = threading.Thread(target=lambda: results.append(store_result(task, output, options=ONCE)))
    first.start()
    assert half.wait(20)
    store_result(video_task(web.serve("/v.mp4", whole(VIDEO))), output, options=ONCE)
    go_on.set()
    first.join(20)
    assert [result["videos"][0]["bytes"] for result in results] == [len(VIDEO)]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\nContent-Type: video/mp4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2328\r\n",
        b"HTTP/1.1 200 OK\r\nX-Endless: ",
        b"",
    ],
)
def test_a_download_that_is_too_slow_is_stopped(web, tmp_path, head):
    """No single wait is long, and without an end to all of them together the task would never end."""
    rules = DownloadOptions(allow_private=True, attempts=1, timeout=(0.5, 0.5))
    began = time.monotonic()
    with pytest.raises(KlingResultNotKept) as caught:
        store_result(video_task(web.serve("/v.mp4", dropwise(head))), str(tmp_path), options=rules)
    assert time.monotonic() - began < 30
    assert "it is too slow" in str(caught.value) or b"\r\n\r\n" not in head


def test_a_slow_storage_is_not_the_servers_fault(web, tmp_path, monkeypatch):
    from airflow_provider_kling.utils import atomic_file

    begin = atomic_file._LocalRename.begin

    def slowly(self):
        file = begin(self)
        time.sleep(0.6)
        return file

    monkeypatch.setattr(atomic_file._LocalRename, "begin", slowly)
    rules = DownloadOptions(
        allow_private=True, attempts=1, timeout=(0.5, 0.5), min_bytes_per_second=10_000_000
    )
    stored_task = store_result(video_task(web.serve("/v.mp4", whole(VIDEO))), str(tmp_path), options=rules)
    assert stored_task["videos"][0]["bytes"] == len(VIDEO)


def test_chunked_responses(web, shelf):
    web.serve("/v.mp4", chunked(VIDEO, complete=False), chunked(VIDEO))
    assert store_result(video_task(web.url("/v.mp4")), shelf.uri, options=RULES)["videos"][0]["bytes"] == len(
        VIDEO
    )
    assert web.request_count("/v.mp4") == 2


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (whole(b"<html>login</html>", "text/html"), "it should be a video, but its content is text/html"),
        (whole(b"<!DOCTYPE html>", "video/mp4"), "it should be a video, but its content is text/html"),
        (whole(b'{"code":1}', "application/json"), "it should be a video, but its content is text/plain"),
        (whole(PNG, "video/mp4"), "it should be a video, but its content is image/png"),
        (whole(bytes(9), "application/x"), "it should be a video, but its content is application/x"),
        (whole(b""), "the file is empty"),
        (unmeasured(VIDEO[:-1]), "it is not complete: its last part is cut off"),
        (status(500), "the server answers HTTP 500"),
        (status(206, VIDEO, "video/mp4"), "the server answers HTTP 206"),
        (whole(VIDEO, Content_Encoding="br"), "the server compresses it, although asked not to"),
        (cut(VIDEO, 600_000), "the connection broke"),
    ],
)
def test_a_file_that_is_no_result_is_not_stored(web, shelf, response, expected):
    with pytest.raises(KlingResultNotKept) as caught:
        store_result(video_task(web.serve("/v.mp4", response)), shelf.uri, options=RULES)
    text = str(caught.value)
    assert f"The result of task 8150001 could not be downloaded: videos[0].url: {expected}" in text or (
        expected == "the connection broke" and "of 700" in text
    )
    assert "until 2026-10-21 14:14 UTC. The job has ended at Kling." in text
    assert not isinstance(caught.value, AirflowFailException)
    assert web.request_count("/v.mp4") == 5
    assert shelf.files() == {}


SRT = b"1\n00:00:00,000 --> 00:00:02,000\nHello\n\n" * 200
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
_TEXT_HEAD = _HEAD % b"text/plain"


def subtitles(url: str) -> dict[str, object]:
    return {**video_task(url), "videos": [], "srts": [{"id": "s", "url": url}]}


def in_chunks(data: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (data[:1000], data[1000:]))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (whole(zlib.compress(SRT)[2:-4], "text/plain", Content_Encoding="deflate"), "its content is no text"),
        (whole(gzip.compress(SRT), "text/plain"), "its content is no text"),
        (whole(gzip.compress(SRT), "application/gzip"), "its content is application/gzip"),
        (whole(b'["error"]', "application/json"), "its content is text/plain"),
        (whole(b"<Error><Code>AccessDenied</Code></Error>", "text/plain"), "its content is text/plain"),
        *(
            (
                raw(_TEXT_HEAD + b"Transfer-Encoding: %s\r\n\r\n%s0\r\n\r\n" % (encoding, in_chunks(SRT))),
                "the server sends it in an unsupported Transfer-Encoding",
            )
            for encoding in (b"chunked ", b"identity, chunked", b"gzip, chunked")
        ),
        (
            whole(SRT[:920], "text/plain", Content_Range=f"bytes 0-919/{len(SRT)}"),
            "the server sends no reliable length",
        ),
    ],
)
def test_a_text_file_that_is_no_result_is_not_stored(web, shelf, response, expected):
    with pytest.raises(KlingResultNotKept, match=expected):
        store_result(subtitles(web.serve("/s.srt", response)), shelf.uri, options=ONCE)
    assert shelf.files() == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gbk"])
def test_subtitles_in_any_encoding_are_stored(web, shelf, encoding):
    content = "1\n00:00:00,000 --> 00:00:02,000\n{}\n\n".format(
        "Hello" if encoding == "utf-16-le" else "你好"
    ).encode(encoding)
    store_result(subtitles(web.serve("/s.srt", whole(content, "text/plain"))), shelf.uri, options=ONCE)
    assert content in shelf.files().values()


def test_a_whole_video_with_a_wrong_range_is_stored(web, shelf):
    reply = whole(VIDEO, Content_Range="bytes 5-9/10")
    store_result(video_task(web.serve("/v.mp4", reply)), shelf.uri, options=ONCE)
    assert shelf.files()["8150001/0-video.mp4"] == VIDEO


def test_two_lengths_are_an_invalid_response_not_an_invalid_url(web, shelf):
    lengths = b"Content-Length: %d\r\nContent-Length: 5\r\n\r\n" % len(VIDEO)
    bad = raw(_HEAD % b"video/mp4" + lengths + VIDEO)
    with pytest.raises(KlingResultNotKept, match="the server sends an invalid header"):
        store_result(video_task(web.serve("/v.mp4", bad)), shelf.uri, options=ONCE)
    store_result(video_task(web.serve("/v.mp4", bad, whole(VIDEO))), shelf.uri, options=RULES)
    assert shelf.files()["8150001/0-video.mp4"] == VIDEO


_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
SHORT_WAITS = DownloadOptions(allow_private=True, attempts=1, timeout=(0.3, 0.3))


def test_the_length_of_a_chunk_that_never_ends_is_not_waited_for(web, shelf):
    """Each byte comes in time, and the read returns nothing that a rate could be computed from."""
    part = VIDEO[:5000]
    endless = dropwise(_HEAD % b"video/mp4" + _CHUNKED + b"%x\r\n%s\r\n5" % (len(part), part), b";x")
    began = time.monotonic()
    with pytest.raises(KlingResultNotKept, match="the connection broke after 5000 bytes"):
        store_result(video_task(web.serve("/v.mp4", endless)), shelf.uri, options=SHORT_WAITS)
    assert time.monotonic() - began < 5
    assert shelf.files() == {}


@pytest.mark.parametrize(
    "end",
    [b"", b"0", b"0000", b"00000000", b"0;part", b"0\r", b"1", b"\r\n", b";"],
    ids=repr,
)
def test_a_body_that_is_cut_within_the_length_of_a_chunk_is_fetched_again(web, shelf, end):
    """The library takes what is left of a length with zeros, such as 000001f4, for the end of the body."""
    part = b"%08x\r\n%s\r\n" % (40, SRT[:40])
    head = _TEXT_HEAD + _CHUNKED
    complete = raw(head + in_chunks(SRT) + b"0000\r\n\r\n")
    url = web.serve("/s.srt", raw(head + part + end), complete)
    store_result(subtitles(url), shelf.uri, options=RULES)
    assert web.request_count("/s.srt") == 2
    assert SRT in shelf.files().values()


@pytest.mark.parametrize(
    "end",
    [b"0\r\n", b"0\n", b"0000\r\n", b"0;a=b\r\n\r\n", b"0\r\na: b\r\n\r\n", b"0\r\na: b", b"00 \r\n\r\n"],
    ids=repr,
)
def test_a_body_with_its_last_chunk_is_complete(web, shelf, end):
    response = raw(_TEXT_HEAD + _CHUNKED + in_chunks(SRT) + end)
    store_result(subtitles(web.serve("/s.srt", response)), shelf.uri, options=ONCE)
    assert SRT in shelf.files().values()


def test_trailers_that_never_end_do_not_delay_a_whole_file(web, shelf):
    endless = dropwise(_TEXT_HEAD + _CHUNKED + in_chunks(SRT) + b"0\r\n", b"a: b\r\n")
    began = time.monotonic()
    store_result(subtitles(web.serve("/s.srt", endless)), shelf.uri, options=SHORT_WAITS)
    assert time.monotonic() - began < 5
    assert SRT in shelf.files().values()


def test_too_large_a_file_is_refused(web, shelf):
    rules = DownloadOptions(allow_private=True, max_bytes=500_000)
    for response in (whole(VIDEO), chunked(VIDEO)):
        with pytest.raises(KlingResultNotKept, match="it is larger than the limit of 500000 bytes"):
            store_result(video_task(web.serve("/v.mp4", response)), shelf.uri, options=rules)
    assert shelf.files() == {}
    assert web.request_count("/v.mp4") == 2


def test_a_failed_file_stops_no_other_download(web, tmp_path):
    task = {
        "task_id": "7",
        "images": [{"url": "ftp://h/a.png"}, {"url": web.serve("/b", whole(PNG, "image/png"))}],
    }
    with pytest.raises(
        KlingResultNotKept,
        match=r"images\[0\].url: its URL is blocked: ftp is not http or https; 1 of 2 files",
    ):
        store_result(task, str(tmp_path), options=RULES)
    assert [path.name for path in tmp_path.rglob("*.png")] == ["1-image.png"]


DROPS = dropwise(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + PNG[:8])


@pytest.mark.parametrize("slow", [dripping(PNG, "image/png"), DROPS], ids=["chunks", "drops"])
def test_an_interrupt_stops_all_downloads(web, tmp_path, monkeypatch, slow):
    """It is seen between two drops, not only when a whole chunk has come."""

    def interrupted(running):
        while web.request_count("/a") + web.request_count("/b") < 2:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "wait", interrupted)
    task = {"task_id": "7", "images": [{"url": web.serve(path, slow)} for path in ("/a", "/b")]}
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        store_result(task, str(tmp_path), options=RULES)
    assert time.monotonic() - began < 30
    assert [*tmp_path.rglob("*.png"), *tmp_path.rglob("*.part")] == []


def test_what_object_stores_call_an_encoding_is_none(web, tmp_path):
    url = web.serve("/v.mp4", whole(VIDEO, Content_Encoding="aws-chunked"))
    assert store_result(video_task(url), str(tmp_path), options=RULES)["videos"][0]["bytes"] == len(VIDEO)


def test_interruption_leaves_nothing(web, shelf, monkeypatch):
    """A timeout or a kill reaches the code as an exception that nothing may swallow."""

    class Killed(BaseException):
        pass

    from airflow_provider_kling.utils import atomic_file

    written = []

    def once(self, data):
        written.append(data)
        if len(written) > 1:
            raise Killed
        self._file.write(data)

    monkeypatch.setattr(atomic_file.AtomicFile, "write", once)
    with pytest.raises(Killed):
        store_result(video_task(web.serve("/v.mp4", whole(VIDEO))), shelf.uri, options=RULES)
    assert shelf.files() == {}
