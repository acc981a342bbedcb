# SPDX-License-Identifier: Apache-2.0
"""From submitted to succeed, and what stands in the answers on the way."""

from __future__ import annotations

import time

import pytest

from airflow_provider_kling.emulator.faults import DEFAULT_REASON
from tests.unit.emulator.conftest import IMAGE_TO_VIDEO, png


def test_a_job_goes_from_submitted_over_processing_to_succeed(kling):
    before = time.time() * 1000 - 1
    task_id = kling.create()
    assert kling.task(task_id)["task_status"] == "submitted"
    kling.emulator.advance(10)
    assert kling.task(task_id)["task_status"] == "processing"
    kling.emulator.advance(51)
    task = kling.task(task_id)
    assert task["task_status"] == "succeed"
    assert before <= task["created_at"] <= time.time() * 1000
    assert task["updated_at"] - task["created_at"] == pytest.approx(60_000, abs=2)
    assert task["final_unit_deduction"] == "3"


def test_the_response_of_a_create_call_is_the_documented_one(kling):
    response = kling.post(
        IMAGE_TO_VIDEO, {"model_name": "kling-v3", "image": png(), "external_task_id": "mine"}
    ).json()
    assert (response["code"], response["message"]) == (0, "SUCCEED")
    assert response["request_id"]
    data = response["data"]
    assert data["task_status"] == "submitted"
    assert data["task_info"] == {"external_task_id": "mine"}
    assert data["created_at"] == data["updated_at"]
    assert isinstance(data["task_id"], str)
    assert data["task_id"].isdecimal()


def test_only_a_finished_job_has_a_result_and_a_charge(kling):
    task_id = kling.create()
    assert not {"task_result", "final_unit_deduction"} & kling.task(task_id).keys()
    assert {"task_result", "final_unit_deduction"} <= kling.finish(task_id).keys()


def test_a_failed_job_has_a_reason_and_no_charge(kling):
    kling.emulator.faults.set({"failed_job": 2})
    good, bad = kling.create(), kling.create()
    kling.emulator.advance(60)
    response = kling.get(f"{IMAGE_TO_VIDEO}/{bad}").json()
    assert response["message"] == "SUCCEED"
    assert response["data"]["task_status"] == "failed"
    assert response["data"]["task_status_msg"] == DEFAULT_REASON
    assert not {"task_result", "final_unit_deduction"} & response["data"].keys()
    assert kling.task(good)["task_status"] == "succeed"
    assert kling.emulator.summary["charged_units"] == "3.0"


def test_speed_divides_the_time_of_a_job(start):
    kling = start(speed=30)
    task_id = kling.create()
    kling.emulator.advance(1.5)
    assert kling.task(task_id)["task_status"] == "processing"
    kling.emulator.advance(0.6)
    assert kling.task(task_id)["task_status"] == "succeed"


def test_job_seconds_sets_the_time_of_every_job(start):
    kling = start(job_seconds=7)
    task_id = kling.create()
    kling.emulator.advance(7)
    assert kling.task(task_id)["task_status"] == "succeed"


def test_a_job_is_found_by_its_external_id(kling):
    task_id = kling.create(external_task_id="mine")
    assert kling.task("mine")["task_id"] == task_id


def test_an_external_id_can_be_used_only_once(kling):
    kling.create(external_task_id="mine")
    response = kling.post(
        IMAGE_TO_VIDEO, {"model_name": "kling-v3", "image": png(), "external_task_id": "mine"}
    )
    assert (response.status_code, response.json()["code"]) == (400, 1201)
    assert response.json()["message"] == "External_task_id mine already exists"
    assert len(kling.emulator.jobs) == 1


def test_an_unknown_task_is_a_bad_request(kling):
    response = kling.get(f"{IMAGE_TO_VIDEO}/nobody")
    assert (response.status_code, response.json()["code"]) == (400, 1201)
    assert response.json()["message"] == "Task not found by id/external id: nobody"


def test_ids_are_not_reused_after_a_reset(kling):
    first = kling.create()
    kling.emulator.reset()
    assert kling.create() != first
    assert kling.get(f"{IMAGE_TO_VIDEO}/{first}").status_code == 400


class TestSlots:
    def test_a_job_beyond_the_slots_is_refused_and_not_created(self, start):
        kling = start(slots=2)
        kling.create()
        kling.create()
        response = kling.post(IMAGE_TO_VIDEO, {"model_name": "kling-v3", "image": png()})
        assert (response.status_code, response.json()["code"]) == (429, 1303)
        assert response.json()["message"] == "parallel task over resource pack limit"
        assert len(kling.emulator.jobs) == 2

    def test_a_slot_is_free_when_its_job_ends(self, start):
        kling = start(slots=1)
        for _ in range(3):
            kling.create()
            kling.emulator.advance(60)
        assert kling.emulator.summary["max_active"] == 1
        assert kling.emulator.summary["active"] == 0

    def test_slots_0_means_no_limit(self, start):
        kling = start(slots=0)
        for _ in range(30):
            kling.create()
        assert kling.emulator.summary["max_active"] == 30


class TestList:
    def test_pages_list_the_newest_jobs_first(self, start):
        kling = start(slots=0)
        made = [kling.create() for _ in range(7)]
        pages = [kling.get(IMAGE_TO_VIDEO, pageNum=n, pageSize=3).json()["data"] for n in (1, 2, 3, 4)]
        assert [[task["task_id"] for task in page] for page in pages] == [
            made[:3:-1],
            made[3:0:-1],
            made[:1],
            [],
        ]

    def test_a_page_has_thirty_jobs_by_default(self, start):
        kling = start(slots=0)
        for _ in range(31):
            kling.create()
        assert len(kling.get(IMAGE_TO_VIDEO).json()["data"]) == 30

    def test_a_list_has_the_same_task_objects_as_queries(self, kling):
        task_id = kling.create()
        assert kling.get(IMAGE_TO_VIDEO).json()["data"] == [kling.task(task_id)]
        task = kling.finish(task_id)
        assert kling.get(IMAGE_TO_VIDEO).json()["data"] == [task]

    @pytest.mark.parametrize(
        ("name", "value", "limits"),
        [
            ("pageNum", "0", "[1, 1000]"),
            ("pageNum", "1001", "[1, 1000]"),
            ("pageNum", "one", "[1, 1000]"),
            ("pageSize", "0", "[1, 500]"),
            ("pageSize", "501", "[1, 500]"),
            ("pageSize", "-1", "[1, 500]"),
        ],
    )
    def test_page_parameters_outside_the_limits_are_refused(self, kling, name, value, limits):
        response = kling.get(IMAGE_TO_VIDEO, **{name: value})
        assert (response.status_code, response.json()["code"]) == (400, 1201)
        assert name in response.json()["message"]
        assert limits in response.json()["message"]

    def test_page_parameters_at_the_limits_are_accepted(self, kling):
        assert kling.get(IMAGE_TO_VIDEO, pageNum=1000, pageSize=500).json()["data"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/v1/videos/nonsense"), ("get", "/v1/videos/nonsense/1"), ("put", IMAGE_TO_VIDEO)],
)
def test_unknown_paths_and_methods_are_refused(kling, method, path):
    response = kling.session.request(method, kling.emulator.url + path, json={}, timeout=60)
    assert (response.status_code, response.json()["code"]) == (404, 1202)
