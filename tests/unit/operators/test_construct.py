# SPDX-License-Identifier: Apache-2.0
"""The derived constructor behaves as one written by hand, and checks at parse time what is known by then."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException, AirflowFailException, task

from airflow_provider_kling.api.endpoint import Endpoint, ResultType
from airflow_provider_kling.api.requests.base import KlingRequest
from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO, TEXT_TO_VIDEO
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.base import KlingTaskOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator, KlingTextToVideoOperator
from tests.unit.operators.conftest import IMAGE_URL, TaskInstance, context_of

FIELDS = tuple(IMAGE_TO_VIDEO.request.model_fields)
COMMON = (
    *("kling_conn_id", "wait_for_completion", "deferrable", "poll_interval", "timeout", "output_path"),
    *("end_from_trigger", "max_units", "max_usd", "expected_seconds", "extra_body", "on_clear"),
    *("labels", "budget"),
    *("idempotency_scope", "take", "on_refused"),
    "poster",
    *("fallback_conn_ids", "media_rules", "regenerate_on_fail"),
)


def make(**arguments: Any) -> KlingImageToVideoOperator:
    return KlingImageToVideoOperator(**{"task_id": "film", "image": IMAGE_URL, **arguments})


def refusal(**arguments: Any) -> str:
    with pytest.raises(KlingRequestInvalid) as refused:
        make(**arguments)
    assert isinstance(refused.value, AirflowFailException)
    text = str(refused.value)
    assert "Task 'film'" in text
    return text


class Plain(KlingTextToVideoOperator):
    """A user's subclass without a constructor."""


class House(KlingTextToVideoOperator):
    """A user's subclass with one."""

    template_fields = (*KlingTextToVideoOperator.template_fields, "style")

    def __init__(self, *, style: str, **kwargs: Any) -> None:
        super().__init__(prompt=f"in the style of {style}", **kwargs)
        self.style = style


class Other(KlingImageToVideoOperator):
    """A user's subclass for another endpoint."""

    endpoint = TEXT_TO_VIDEO


def test_the_signature_has_all_fields_as_keywords() -> None:
    parameters = inspect.signature(KlingImageToVideoOperator.__init__).parameters
    assert tuple(parameters) == ("self", *FIELDS, *COMMON, "kwargs")
    assert {parameters[name].kind for name in (*FIELDS, *COMMON)} == {inspect.Parameter.KEYWORD_ONLY}
    assert parameters["model_name"].default == "kling-v3"
    assert parameters["image"].default is None
    assert parameters["timeout"].default == 3600.0


def test_every_field_can_be_a_template() -> None:
    assert set(FIELDS) | {"kling_conn_id", "output_path", "extra_body"} <= set(
        KlingImageToVideoOperator.template_fields
    )


def test_fields_become_attributes() -> None:
    operator = make(prompt="waves", timeout=60)
    assert (operator.prompt, operator.image, operator.model_name) == ("waves", IMAGE_URL, "kling-v3")
    assert operator.negative_prompt is None
    assert operator.timeout == 60
    assert operator.retries is not None


REFUSED = (TypeError, AirflowException)
"""What wrong arguments raise: Airflow 2.11 has an exception of its own for them."""


@pytest.mark.filterwarnings("ignore:Task 'film' was never mapped")
def test_a_misspelled_name_is_an_error_at_parse_time() -> None:
    with pytest.raises(REFUSED, match="promt"):
        make(promt="waves")
    with pytest.raises(REFUSED, match="promt"):
        KlingImageToVideoOperator.partial(task_id="film", promt="waves")
    with DAG("films"), pytest.raises(REFUSED, match="imagee"):
        KlingImageToVideoOperator.partial(task_id="film").expand(imagee=[IMAGE_URL])


def test_fields_are_keywords_only() -> None:
    with pytest.raises(REFUSED):
        KlingImageToVideoOperator(IMAGE_URL)  # type: ignore[misc]


def test_default_args_reach_fields_and_common_parameters() -> None:
    defaults = {"mode": "pro", "poll_interval": 9.0, "retries": 7, "kling_conn_id": "mine", "unrelated": 1}
    with DAG("films", default_args=defaults):
        operator = make()
        own = make(task_id="own", mode="std")
    assert (operator.mode, operator.poll_interval, operator.retries) == ("pro", 9.0, 7)
    assert operator.kling_conn_id == "mine"
    assert own.mode == "std"


def test_mapping_over_fields() -> None:
    with DAG("films", default_args={"mode": "pro"}) as dag:
        KlingImageToVideoOperator.partial(task_id="film", prompt="waves", timeout=60).expand(
            image=[IMAGE_URL, "https://pictures.example/b.png"]
        )
    mapped = dag.get_task("film")
    one = mapped.unmap({**mapped.expand_input.value, "image": IMAGE_URL})
    assert isinstance(one, KlingImageToVideoOperator)
    assert (one.image, one.prompt, one.mode, one.timeout) == (IMAGE_URL, "waves", "pro", 60)


def test_another_tasks_output_makes_that_task_come_first() -> None:
    with DAG("films"):
        first = make(task_id="first")
        second = make(task_id="second", image=first.output["videos"], prompt=first.output)
    assert second.upstream_task_ids == {"first"}


def test_a_users_subclass() -> None:
    assert Plain(task_id="a", prompt="waves").prompt == "waves"
    assert inspect.signature(Plain.__init__) == inspect.signature(KlingTextToVideoOperator.__init__)
    house = House(task_id="a", style="Monet", duration="10")
    assert (house.prompt, house.duration, house.style) == ("in the style of Monet", "10", "Monet")
    with pytest.raises(KlingRequestInvalid, match="'duration': '99'"):
        House(task_id="a", style="Monet", duration="99")
    with DAG("films", default_args={"style": "Monet"}):
        assert House(task_id="a").prompt == "in the style of Monet"


def test_a_subclass_for_another_endpoint_checks_its_own_fields_only() -> None:
    operator = Other(task_id="a", prompt="waves")
    assert operator.aspect_ratio is None
    with pytest.raises(KlingRequestInvalid, match="videos/text2video"):
        Other(task_id="a")


def test_a_class_with_an_endpoint_cannot_define_a_constructor() -> None:
    with pytest.raises(TypeError, match="Lost: the constructor is derived"):

        class Lost(KlingTaskOperator):
            """Its constructor would be replaced."""

            endpoint = TEXT_TO_VIDEO

            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)


@pytest.mark.parametrize(
    "name", ["timeout", "deferrable", "retries", "params", "task_id", "log", "hook", "execute"]
)
def test_a_field_that_all_operators_have_is_refused_at_import(name: str) -> None:
    request = type(
        "Clash", (KlingRequest,), {"__annotations__": {name: str | None}, name: None, "__module__": __name__}
    )
    endpoint = Endpoint("/v1/videos/clash", request, ResultType.VIDEOS)
    with pytest.raises(TypeError, match=rf"Clashing: request fields \['{name}'\]"):
        type("Clashing", (KlingTaskOperator,), {"endpoint": endpoint})


@pytest.mark.parametrize(
    ("arguments", "expected_text"),
    [
        ({"mode": "standard"}, "'mode': 'standard'; expected 'std', 'pro' or '4k'"),
        ({"duration": "99"}, "'duration': '99'; expected 3 to 15"),
        ({"image": None}, "at least one of image or image_tail must be given"),
        ({"prompt": "x" * 2501}, "(2501 characters); expected at most 2500"),
        ({"element_list": [{"id": 1}]}, "element_list[0].element_id is required"),
        ({"timeout": 0}, "'timeout': 0; expected seconds, above 0"),
        ({"timeout": "an hour"}, "'timeout': 'an hour'; expected "),
        ({"timeout": "{{ params.limit }}"}, "'timeout': '{{ params.limit }}'; expected "),
        ({"timeout": float("nan")}, "'timeout': nan; expected "),
        ({"timeout": float("inf")}, "'timeout': inf; expected "),
        ({"poll_interval": -1}, "'poll_interval': -1; expected "),
        (
            {"end_from_trigger": True, "output_path": "/tmp/films"},
            "'end_from_trigger': True; expected False with output_path",
        ),
    ],
)
def test_a_wrong_literal_is_an_import_error_that_names_it(
    arguments: dict[str, Any], expected_text: str
) -> None:
    assert expected_text in refusal(**arguments)


def test_all_wrong_literals_are_named_at_once() -> None:
    text = refusal(mode="standard", duration="99")
    assert "'mode': 'standard'" in text
    assert "'duration': '99'; expected 3 to 15" in text


@pytest.mark.parametrize(
    "later",
    [
        {"mode": "{{ params.mode }}"},
        {"duration": "{% if true %}5{% endif %}"},
        {"image": "{{ ti.xcom_pull('first') }}", "image_tail": "{# none #}"},
        {"element_list": [{"element_id": "{{ 1 }}"}]},
        {"watermark_info": {"enabled": "{{ true }}"}},
        {"extra_body": {"prompt": "{{ x }}"}},
    ],
)
def test_what_holds_a_template_is_checked_after_rendering(later: dict[str, Any]) -> None:
    make(**later)
    text = refusal(**{**later, "cfg_scale": 7})
    assert "'cfg_scale': 7; expected 0 to 1" in text, "what is known by now must be checked all the same"


@pytest.mark.usefixtures("kling_emulator")
def test_another_tasks_output_is_checked_when_it_is_there(
    ti: TaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DAG("films"):
        first = make(task_id="first")
        second = make(task_id="second", image=first.output, prompt=first.output, retries=3)
    monkeypatch.setattr(type(first.output), "resolve", lambda *_, **__: [IMAGE_URL])
    context = context_of(ti)
    second.render_template_fields(context)
    with pytest.raises(KlingRequestInvalid, match=r"'prompt': a list; pass one value, or map the task"):
        second.execute(context)


@pytest.mark.parametrize(
    ("values", "sent"),
    [(5, "5"), ("5", "5"), (5.0, "5"), ("5.0", "5")],
)
def test_numbers_are_accepted_as_people_write_them(values: Any, sent: str) -> None:
    operator = make(duration=values)
    request = IMAGE_TO_VIDEO.request.model_validate({"image": IMAGE_URL, "duration": operator.duration})
    assert request.wire()["duration"] == sent


def test_an_image_may_be_a_path() -> None:
    assert make(image=Path("/data/a.png")).image == Path("/data/a.png")


def test_operators_can_be_copied() -> None:
    operator = make(prompt="waves")
    for other in (copy.deepcopy(operator), copy.copy(operator)):
        assert (other.prompt, other.task_id, other.endpoint) == ("waves", "film", IMAGE_TO_VIDEO)


def test_help_describes_each_parameter() -> None:
    described = inspect.getdoc(KlingImageToVideoOperator) or ""
    for name in (*FIELDS, *COMMON):
        assert f":param {name}:" in described


def test_an_operator_has_the_template_fields_that_hold_more_than_plain_words_or_were_set() -> None:
    whole = KlingImageToVideoOperator.template_fields
    assert whole == (*FIELDS, *KlingTaskOperator.template_fields)
    operator = make(prompt="a boat in {{ params.town }}", mode="pro", labels={"team": "shop"}, cfg_scale=0.5)
    assert operator.template_fields == ("prompt", "labels")
    operator.output_path = "/out/{{ params.folder }}"
    assert "output_path" in operator.template_fields
    operator.negative_prompt = "{{ params.unwanted }}"
    operator.render_template_fields({"params": {"folder": "boats", "town": "Bergen", "unwanted": ""}})
    assert (operator.output_path, operator.prompt) == ("/out/boats", "a boat in Bergen")
    # Airflow stores and shows these: what is set, and what was to be set.
    shown = operator.template_fields
    assert {*shown} == {name for name in whole if getattr(operator, name) not in (None, "")} | {
        "negative_prompt"
    }
    assert {"prompt", "mode", "negative_prompt", "output_path", "kling_conn_id"} <= {*shown}
    assert not {"image_tail", "static_mask", "max_units"} & {*shown}


def test_a_template_that_rendered_to_nothing_is_shown() -> None:
    with DAG("films", render_template_as_native_obj=True):
        operator = make(prompt="a boat", negative_prompt="{{ none }}")
    operator.render_template_fields({})
    assert operator.negative_prompt is None
    assert "negative_prompt" in operator.template_fields


def test_a_text_without_a_template_is_rendered_as_the_dag_says() -> None:
    with DAG("films", jinja_environment_kwargs={"variable_start_string": "[[", "variable_end_string": "]]"}):
        operator = make(prompt="a boat in [[ params.town ]]\n", duration="5")
    operator.render_template_fields({"params": {"town": "Bergen"}})
    assert operator.prompt == "a boat in Bergen"
    with DAG("films", render_template_as_native_obj=True):
        operator = make(duration="5")
    operator.render_template_fields({})
    assert operator.duration == 5


def test_an_operator_with_template_files_has_all_template_fields_that_are_set() -> None:
    class FromFile(KlingImageToVideoOperator):
        template_ext = (".txt",)

    operator = FromFile(task_id="film", image=IMAGE_URL, prompt="prompt.txt", image_tail="")
    assert {"image", "prompt", "model_name", "kling_conn_id"} <= {*operator.template_fields}
    assert "image_tail" not in operator.template_fields


def test_an_empty_output_over_which_a_task_is_mapped_is_no_missing_limit() -> None:
    @task
    def limits() -> list[Any]:
        return [None]

    with DAG("films") as dag:
        KlingTextToVideoOperator.partial(task_id="film", prompt="a boat").expand(max_units=limits())
    operator = dag.get_task("film").unmap({"task_id": "film", "prompt": "a boat", "max_units": None})
    operator.render_template_fields({})
    with pytest.raises(KlingRequestInvalid, match="max_units is None after rendering"):
        operator.check_rendered()


def test_a_class_between_the_operator_and_its_base_has_its_constructor_called() -> None:
    class Between(KlingTaskOperator):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.was_here = True

    class Mixed(KlingTextToVideoOperator, Between):
        pass

    with DAG(dag_id="mixed", default_args={"retries": 3, "timeout": 60}):
        operator = Mixed(task_id="film", prompt="a boat")
    assert operator.was_here
    assert (operator.retries, operator.timeout, operator.prompt) == (3, 60, "a boat")


@pytest.mark.parametrize(
    ("valid", "invalid"),
    [
        pytest.param({"mode": "pro"}, {"mode": "ultra"}, id="another value"),
        pytest.param({"cfg_scale": 1}, {"cfg_scale": True}, id="a flag that equals a number"),
    ],
)
def test_a_wrong_literal_is_found_after_an_equal_task_was_right(
    valid: dict[str, Any], invalid: dict[str, Any]
) -> None:
    make(**valid)
    make(**valid)
    assert next(iter(invalid)) in refusal(**invalid)
    assert next(iter(invalid)) in refusal(**invalid)
