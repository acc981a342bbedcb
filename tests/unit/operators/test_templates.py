# SPDX-License-Identifier: Apache-2.0
"""Templates are rendered for the request, and what Airflow stores and shows of them holds no secrets."""

from __future__ import annotations

import base64
import copy
import importlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath
from pydantic import JsonValue, TypeAdapter

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from tests.unit.inputs.samples import image_file
from tests.unit.operators.conftest import IMAGE_URL, TaskInstance, context_of, image_to_video, run

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 40).decode()
SIGNED = f"{IMAGE_URL}?X-Amz-Signature=secret"


def context(ti: TaskInstance, dag: Any = None, **values: Any) -> Any:
    """A context that templates can be rendered with."""
    return context_of(ti, dag=dag, dag_run=SimpleNamespace(conf={}), params={}, **values)


def stored(operator: Any) -> dict[str, Any]:
    """What Airflow stores as rendered template fields."""
    return {name: getattr(operator, name) for name in operator.template_fields}


def test_the_request_gets_the_value_and_airflow_its_description(ti: TaskInstance) -> None:
    operator = image_to_video(image="{{ picture }}", prompt="{{ words }} at sea", callback_url="{{ hook }}")
    values = {"picture": JPEG, "words": "waves", "hook": "https://me.example/h?token=hush"}
    operator.render_template_fields(context(ti, **values))
    assert operator.request_values()["image"] == JPEG
    assert operator.request_values()["callback_url"] == values["hook"]
    shown = stored(operator)
    assert shown["prompt"] == "waves at sea"
    assert shown["image"].startswith("<image/jpeg 10")
    assert shown["callback_url"] == "https://me.example/h"
    assert JPEG[:40] not in str(shown)
    assert "hush" not in str(shown)


def test_a_literal_image_is_redacted_too(ti: TaskInstance) -> None:
    operator = image_to_video(image=JPEG, image_tail=SIGNED)
    operator.render_template_fields(context(ti))
    assert operator.request_values()["image"] == JPEG
    assert operator.request_values()["image_tail"] == SIGNED
    assert JPEG[:40] not in str(stored(operator))
    assert "secret" not in str(stored(operator))


def test_further_keys_are_hidden_too(ti: TaskInstance, kling_emulator: Emulator) -> None:
    operator = image_to_video(extra_body={"tail": "{{ picture }}", "from": SIGNED}, wait_for_completion=False)
    operator.render_template_fields(context(ti, picture=JPEG))
    assert JPEG[:40] not in str(stored(operator))
    assert "secret" not in str(stored(operator))
    run(operator, ti)
    assert operator.original("extra_body") == {"tail": JPEG, "from": SIGNED}
    (job,) = kling_emulator.jobs
    assert job.body["from"] == SIGNED


def test_what_a_function_gives_is_hidden_too(ti: TaskInstance) -> None:
    operator = image_to_video(image=lambda **_: JPEG)
    operator.render_template_fields(context(ti))
    assert operator.request_values()["image"] == JPEG
    assert JPEG[:40] not in str(stored(operator))


MASK = {"mask": JPEG, "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}


@pytest.mark.parametrize(
    "values",
    [{"image": JPEG}, {"image": SIGNED}, {"dynamic_masks": [MASK], "model_name": "kling-v1"}],
    ids=["base64", "signed", "nested"],
)
def test_what_airflow_writes_into_its_database(ti: TaskInstance, values: dict[str, Any]) -> None:
    """By the very function of the Airflow that is installed."""
    operator = image_to_video(**values)
    operator.render_template_fields(context(ti))
    written = json.dumps(
        {name: serialized(getattr(operator, name), name) for name in operator.template_fields}
    )
    assert JPEG[:40] not in written
    assert "secret" not in written
    assert "<image/jpeg 10" in written or IMAGE_URL in written


def serialized(value: Any, name: str) -> Any:
    """What Airflow makes of a rendered field: a worker's process in 3.x, the database's model before."""
    try:
        runner = importlib.import_module("airflow.sdk.execution_time.task_runner")
        return TypeAdapter(JsonValue).validate_python(runner._serialize_template_field(value, name))
    except (AttributeError, ImportError):
        return importlib.import_module("airflow.serialization.helpers").serialize_template_field(value, name)


def test_images_deep_in_lists_are_redacted(ti: TaskInstance) -> None:
    mask = {"mask": JPEG, "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}
    operator = image_to_video(dynamic_masks=[mask], model_name="{{ model }}")
    operator.render_template_fields(context(ti, model="kling-v1"))
    assert operator.request_values()["dynamic_masks"] == [mask]
    assert JPEG[:40] not in str(stored(operator))
    assert operator.dynamic_masks[0]["trajectories"] == mask["trajectories"]


def test_rendering_twice_changes_nothing(ti: TaskInstance) -> None:
    """Airflow renders again to show a task's fields; the description must not become the request."""
    operator = image_to_video(image="{{ picture }}")
    for _ in range(2):
        operator.render_template_fields(context(ti, picture=JPEG))
        assert operator.request_values()["image"] == JPEG
        assert operator.image.startswith("<image/jpeg")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_for_other_runs_do_not_share_what_was_rendered(ti: TaskInstance, copied: Any) -> None:
    original = image_to_video(prompt="{{ day }}")
    for day in ("monday", "tuesday"):
        operator = copied(original)
        operator.render_template_fields(context(ti, day=day))
        assert operator.request_values()["prompt"] == day
    assert original.prompt == "{{ day }}"


def test_a_copy_of_a_rendered_operator_has_the_request(ti: TaskInstance) -> None:
    operator = image_to_video(image="{{ picture }}")
    operator.render_template_fields(context(ti, picture=JPEG))
    assert copy.deepcopy(operator).request_values()["image"] == JPEG


def test_a_mapped_task(ti: TaskInstance) -> None:
    with DAG("films") as dag:
        KlingImageToVideoOperator.partial(task_id="film", prompt="{{ words }}").expand(
            image=[SIGNED, JPEG, "{{ picture }}"]
        )
    for index, values in enumerate([SIGNED, JPEG, IMAGE_URL]):
        # Airflow 2.11 looks up by the run how many there are.
        each = context(TaskInstance(map_index=index), dag=dag, run_id="run", words="waves", picture=IMAGE_URL)
        dag.get_task("film").render_template_fields(each)
        operator = each["ti"].task
        assert operator.request_values()["image"] == values
        assert operator.request_values()["prompt"] == "waves"
        assert JPEG[:40] not in str(stored(operator))
        assert "secret" not in str(stored(operator))


def test_a_storage_path_is_rendered_as_its_uri(ti: TaskInstance) -> None:
    operator = image_to_video(image=ObjectStoragePath("s3://pictures/a.png", conn_id="store"))
    operator.render_template_fields(context(ti))
    assert operator.request_values()["image"] == "s3://store@pictures/a.png"


def test_the_common_parameters_are_templates_too(ti: TaskInstance) -> None:
    operator = image_to_video(
        kling_conn_id="{{ conn }}", output_path="s3://films/{{ day }}", extra_body={"tag": "{{ day }}"}
    )
    operator.render_template_fields(context(ti, conn="mine", day="monday"))
    assert (operator.kling_conn_id, operator.output_path) == ("mine", "s3://films/monday")
    assert operator.extra_body == {"tag": "monday"}


@pytest.mark.parametrize(
    ("rendered", "expected_text"),
    [
        ({"mode": "standard"}, "'mode': 'standard'"),
        ({"duration": "soon"}, "'duration': 'soon'; expected 3 to 15"),
        ({"image": ""}, "at least one of image or image_tail must be given"),
    ],
)
def test_what_a_template_gave_is_checked_before_anything_is_sent(
    ti: TaskInstance, kling_emulator: Emulator, rendered: dict[str, str], expected_text: str
) -> None:
    operator = image_to_video(**{name: f"{{{{ {name} }}}}" for name in rendered})
    operator.render_template_fields(context(ti, **rendered))
    with pytest.raises(KlingRequestInvalid, match=expected_text) as refused:
        run(operator, ti)
    assert "No job was made" in str(refused.value)
    assert kling_emulator.requests == {}


def test_a_template_that_gives_nothing_is_a_field_left_out(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    operator = image_to_video(
        negative_prompt="{{ nothing }}", mode="{{ none_either }}", duration="{{ five }}"
    )
    operator.render_template_fields(context(ti, nothing="", none_either="", five=5))
    run(operator, ti)
    body = kling_emulator.jobs[0].body
    assert "negative_prompt" not in body
    assert "mode" not in body
    assert body["duration"] == "5"


def test_the_request_is_reported_without_the_image(ti: TaskInstance, kling_emulator: Emulator) -> None:
    encoded = base64.b64encode(image_file()).decode()
    operator = image_to_video(image=encoded, wait_for_completion=False)
    operator.render_template_fields(context(ti))
    run(operator, ti)
    facts = ti.xcoms["request"]
    assert facts["model_name"] == "kling-v3"
    assert facts["inputs"][0]["mime"] == "image/jpeg"
    assert encoded[:40] not in str(ti.xcoms)


class Branded(KlingImageToVideoOperator):
    """An operator as users derive them: it changes what was rendered, just before it runs."""

    def execute(self, context: Any) -> Any:
        """Add the house style."""
        self.prompt = f"{self.prompt}, in our house style"
        return super().execute(context)


def test_what_is_changed_before_the_task_runs_is_what_is_paid_for(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    operator = Branded(task_id="film", image=SIGNED, prompt="{{ words }}", wait_for_completion=False)
    operator.render_template_fields(context(ti, words="waves"))
    # As pre_execute does, or a policy of the deployment.
    operator.negative_prompt = "people"
    run(operator, ti)
    (job,) = kling_emulator.jobs
    assert (job.body["prompt"], job.body["negative_prompt"]) == ("waves, in our house style", "people")
    assert job.body["image"] == SIGNED, "what was not changed is sent as it was given"


def test_an_image_is_redacted_and_other_fields_are_unchanged(ti: TaskInstance) -> None:
    other = "https://pictures.example/b.png"
    mask = {"mask": JPEG, "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}
    operator = image_to_video(image=SIGNED, dynamic_masks=[mask], model_name="{{ model }}")
    operator.render_template_fields(context(ti, model="kling-v1"))
    operator.image = other
    operator.dynamic_masks[0]["trajectories"].append({"x": 5, "y": 6})
    operator.dynamic_masks.append({"mask": other})
    values = operator.request_values()
    assert values["image"] == other
    moved = [*mask["trajectories"], {"x": 5, "y": 6}]
    assert values["dynamic_masks"] == [{"mask": JPEG, "trajectories": moved}, {"mask": other}]


def test_rendering_again_does_not_undo_changes(ti: TaskInstance) -> None:
    operator = image_to_video(image="{{ picture }}", prompt="waves")
    operator.render_template_fields(context(ti, picture=JPEG))
    operator.prompt = "clouds"
    operator.render_template_fields(context(ti, picture=JPEG))
    values = operator.request_values()
    assert (values["prompt"], values["image"]) == ("clouds", JPEG)


@pytest.mark.parametrize("emptied", [None, ""])
def test_a_field_can_be_reset_after_rendering(ti: TaskInstance, emptied: Any) -> None:
    operator = image_to_video(image_tail=SIGNED)
    operator.render_template_fields(context(ti))
    operator.image_tail = emptied
    assert operator.request_values()["image_tail"] == emptied
