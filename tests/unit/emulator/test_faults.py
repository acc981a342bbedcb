# SPDX-License-Identifier: Apache-2.0
"""Every fault does what its description says, as often as it says."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import requests

from airflow_provider_kling.emulator.faults import FAULTS, Faults
from tests.unit.emulator.conftest import IMAGE_TO_VIDEO, png

BODY = {"model_name": "kling-v3", "image": png()}


def _codes(kling, times: int) -> list[int]:
    return [kling.get(IMAGE_TO_VIDEO).status_code for _ in range(times)]


def _until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestSettings:
    def test_unknown_faults_are_refused_without_changes(self):
        faults = Faults()
        with pytest.raises(ValueError, match="unknown fault 'lost_reponse'"):
            faults.set({"slots_taken": 3, "lost_reponse": 1})
        assert faults.to_json()["on"] == {}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("slots_taken", "three"),
            ("slots_taken", 1.5),
            ("slots_taken", -1),
            ("latency", -1),
            ("stall_after", -2),
            ("no_list", "maybe"),
        ],
    )
    def test_an_invalid_setting_is_refused_with_the_name_of_the_fault(self, name, value):
        with pytest.raises(ValueError, match=name):
            Faults({name: value})

    @pytest.mark.parametrize("off", [0, "", None, "0"])
    def test_faults_can_be_switched_off(self, off):
        faults = Faults({"slots_taken": 3})
        faults.set({"slots_taken": off})
        assert faults.to_json()["on"] == {}

    def test_every_fault_can_be_set_on_the_command_line(self):
        words = dict.fromkeys(FAULTS, "1")
        assert Faults(words).to_json()["on"].keys() == FAULTS.keys()


class TestRequests:
    def test_every_nth_response_is_a_proxy_page(self, kling):
        kling.emulator.faults.set({"proxy_page": 3})
        assert _codes(kling, 6) == [200, 200, 502, 200, 200, 502]
        page = [kling.get(IMAGE_TO_VIDEO) for _ in range(3)][-1]
        assert page.headers["Content-Type"] == "text/html"
        assert "<html>" in page.text
        assert kling.emulator.faults.fired["proxy_page"] == 3

    def test_every_nth_response_is_one_of_three_server_errors(self, kling):
        kling.emulator.faults.set({"server_error": 2})
        answers = [kling.get(IMAGE_TO_VIDEO) for _ in range(6)][1::2]
        assert [(a.status_code, a.json()["code"]) for a in answers] == [(500, 5000), (503, 5001), (504, 5002)]

    def test_n_requests_are_throttled_with_retry_after(self, kling):
        kling.emulator.faults.set({"rate_limited": 2, "retry_after": 7})
        response = kling.get(IMAGE_TO_VIDEO)
        assert (response.status_code, response.json()["code"]) == (429, 1302)
        assert response.headers["Retry-After"] == "7"
        assert _codes(kling, 2) == [429, 200]

    def test_n_requests_have_bad_credentials(self, kling):
        kling.emulator.faults.set({"bad_credentials": 1})
        assert kling.get(IMAGE_TO_VIDEO).json()["code"] == 1002
        assert _codes(kling, 1) == [200]

    def test_every_response_is_delayed(self, kling):
        kling.emulator.faults.set({"latency": 0.2})
        started = time.monotonic()
        _codes(kling, 1)
        assert time.monotonic() - started >= 0.2

    def test_downloads_and_introspection_have_no_faults(self, kling):
        url = kling.finish(kling.create())["task_result"]["videos"][0]["url"]
        kling.emulator.faults.set({"proxy_page": 1})
        assert requests.get(url, timeout=60).status_code == 200
        assert requests.get(kling.emulator.url + "/_emulator", timeout=60).status_code == 200


class TestCreateCalls:
    def test_n_create_calls_find_no_slot(self, kling):
        kling.emulator.faults.set({"slots_taken": 2})
        answers = [kling.post(IMAGE_TO_VIDEO, BODY) for _ in range(3)]
        assert [response.json()["code"] for response in answers] == [1303, 1303, 0]
        assert len(kling.emulator.jobs) == 1

    def test_every_nth_response_is_lost_after_the_job_is_created(self, kling):
        kling.emulator.faults.set({"lost_response": 2})
        kling.create(external_task_id="one")
        with pytest.raises(requests.ConnectionError):
            kling.create(external_task_id="two")
        assert kling.task("two")["task_status"] == "submitted"
        assert kling.emulator.requests["POST", IMAGE_TO_VIDEO, 0] == 1

    def test_every_nth_request_is_lost_without_a_job(self, kling):
        kling.emulator.faults.set({"lost_request": 1})
        with pytest.raises(requests.ConnectionError):
            kling.create(external_task_id="one")
        assert kling.emulator.jobs == ()

    def test_every_nth_response_is_an_error_after_the_job_is_created(self, kling):
        kling.emulator.faults.set({"late_error": 1})
        response = kling.post(IMAGE_TO_VIDEO, {**BODY, "external_task_id": "one"})
        assert (response.status_code, response.json()["code"]) == (504, 5002)
        assert kling.task("one")["task_status"] == "submitted"

    def test_a_prompt_with_the_word_is_refused(self, kling):
        kling.emulator.faults.set({"refused_word": "dragon"})
        response = kling.post(IMAGE_TO_VIDEO, {**BODY, "prompt": "a dragon"})
        assert (response.status_code, response.json()["code"]) == (400, 1301)
        kling.create(prompt="a cat")

    @pytest.mark.parametrize(("name", "code"), [("arrears_after", 1101), ("empty_after", 1102)])
    def test_the_account_is_empty_after_n_jobs(self, kling, name, code):
        kling.emulator.faults.set({name: 2})
        answers = [kling.post(IMAGE_TO_VIDEO, BODY) for _ in range(4)]
        assert [response.json()["code"] for response in answers] == [0, 0, code, code]
        assert answers[-1].status_code == 429

    def test_an_invalid_body_is_reported_first(self, kling):
        kling.emulator.faults.set({"lost_response": 1, "slots_taken": 1})
        assert kling.post(IMAGE_TO_VIDEO, {}).json()["code"] == 1201
        assert not kling.emulator.faults.fired


class TestStall:
    @pytest.mark.parametrize(("name", "made"), [("stall_before", 0), ("stall_after", 1)])
    def test_a_stall_lasts_until_it_is_released(self, kling, name, made):
        kling.emulator.faults.set({name: -1})
        answers: list[str] = []
        client = threading.Thread(target=lambda: answers.append(kling.create()))
        client.start()
        _until(lambda: kling.emulator.stalled == 1)
        assert len(kling.emulator.jobs) == made
        assert answers == []
        requests.post(kling.emulator.url + "/_emulator/release", timeout=60)
        client.join(60)
        assert answers == [kling.emulator.jobs[0].task_id]
        assert kling.emulator.stalled == 0

    @pytest.mark.parametrize(("name", "made"), [("stall_before", 0), ("stall_after", 1)])
    def test_a_stall_ends_when_the_client_disconnects(self, kling, name, made):
        kling.emulator.faults.set({name: -1})
        host, port = kling.emulator.url.removeprefix("http://").split(":")
        body = b'{"model_name": "kling-v3", "image": "https://example.com/x.png"}'
        with socket.create_connection((host, int(port))) as client:
            client.sendall(
                b"POST /v1/videos/image2video HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer emulator\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            _until(lambda: kling.emulator.stalled == 1)
        _until(lambda: kling.emulator.stalled == 0)
        assert len(kling.emulator.jobs) == made

    def test_a_stall_lasts_some_seconds_for_some_calls(self, kling):
        kling.emulator.faults.set({"stall_after": 0.3, "stall_times": 2})
        for _ in range(2):
            started = time.monotonic()
            kling.create()
            assert time.monotonic() - started >= 0.3
        kling.create()
        assert kling.emulator.faults.fired["stall_after"] == 2


class TestJobsAndQueries:
    def test_a_job_with_the_word_fails_with_the_reason(self, kling):
        kling.emulator.faults.set({"failed_word": "dragon", "fail_reason": "too many dragons"})
        kling.create(prompt="a cat")
        task = kling.finish(kling.create(prompt="a dragon"))
        assert (task["task_status"], task["task_status_msg"]) == ("failed", "too many dragons")
        assert kling.task(kling.emulator.jobs[0].task_id)["task_status"] == "succeed"

    def test_a_running_job_has_the_unknown_status(self, kling):
        kling.emulator.faults.set({"unknown_status": "pondering"})
        task_id = kling.create()
        kling.emulator.advance(30)
        assert kling.task(task_id)["task_status"] == "pondering"
        assert kling.get(IMAGE_TO_VIDEO).json()["data"][0]["task_status"] == "pondering"
        kling.emulator.faults.set({"unknown_status": None})
        assert kling.task(task_id)["task_status"] == "processing"

    def test_every_nth_job_is_missing_from_lists(self, kling):
        kling.emulator.faults.set({"unlisted_job": 2})
        made = [kling.create() for _ in range(4)]
        listed = [task["task_id"] for task in kling.get(IMAGE_TO_VIDEO).json()["data"]]
        assert listed == [made[2], made[0]]
        assert kling.task(made[1])["task_id"] == made[1]

    def test_lists_are_not_supported(self, kling):
        kling.emulator.faults.set({"no_list": True})
        assert _codes(kling, 1) == [404]
        assert kling.task(kling.create())

    def test_external_ids_cannot_be_looked_up(self, kling):
        kling.emulator.faults.set({"no_external_id": True})
        task_id = kling.create(external_task_id="mine")
        assert kling.get(f"{IMAGE_TO_VIDEO}/mine").json()["code"] == 1201
        assert kling.task(task_id)["task_id"] == task_id


class TestDownloads:
    @pytest.fixture
    def url(self, kling):
        url = kling.finish(kling.create(duration="3"))["task_result"]["videos"][0]["url"]
        assert requests.get(url, timeout=60).ok
        return url

    def test_n_downloads_are_expired(self, kling, url):
        kling.emulator.faults.set({"expired_url": 2})
        assert [requests.get(url, timeout=60).status_code for _ in range(3)] == [403, 403, 200]

    def test_n_downloads_are_unavailable(self, kling, url):
        kling.emulator.faults.set({"download_error": 1})
        assert [requests.get(url, timeout=60).status_code for _ in range(2)] == [503, 200]

    def test_downloads_are_cut_at_byte_n_some_times(self, kling, url):
        whole = requests.get(url, timeout=60).content
        kling.emulator.faults.set({"cut_download": 100, "cut_times": 2})
        for _ in range(2):
            with requests.get(url, stream=True, timeout=60) as response:
                assert int(response.headers["Content-Length"]) == len(whole)
                assert response.raw.read(100) == whole[:100]
                with pytest.raises(Exception, match=r"IncompleteRead|Connection"):
                    response.raw.read(len(whole))
        assert requests.get(url, timeout=60).content == whole
        assert kling.emulator.faults.fired["cut_download"] == 2
