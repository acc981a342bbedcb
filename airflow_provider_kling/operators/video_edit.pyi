# SPDX-License-Identifier: Apache-2.0
"""Operators that make a new video of an existing one, and the effects.

Made by ``python -m scripts.generate_stubs``.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Literal, Unpack

from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg

from ..api.endpoint import Endpoint
from .airflow_arguments import AirflowArguments
from .base import KlingTaskOperator

class KlingMotionControlOperator(KlingTaskOperator):
    """Let the person in a picture move like the person in a video.

    :param model_name: Model that makes the video: kling-v2-6 or kling-v3.
    :param image_url: Picture of the person.
    :param video_url: Video whose movement is taken over: mp4 or mov, 340 to 3,850 px a side, 3 to 30 s (at
        most 10 s when character_orientation is image). The result is as long.
    :param character_orientation: Where the person faces: as in the image (video of at most 10 s) or as in the
        video.
    :param mode: Quality: std is 720p, pro 1080p.
    :param prompt: What else is seen; at most 2,500 characters.
    :param keep_original_sound: Whether to keep the sound of the video; yes when unset.
    :param element_list: One subject of the element library {'element_id'} to keep the person true. kling-v3,
        with character_orientation video.
    :param watermark_info: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
    :param callback_url: Address that Kling tells of each change of the task's status.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait is given up; the job itself goes on.
    :param output_path: where to keep the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        task has what only a worker does at its end. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: most that the job may cost by Kling's list price, in units of its resource pack. A job
        that is estimated higher, or whose cost cannot be known before, is not made.
    :param extra_body: further JSON keys of the request, for what the vendor adds tomorrow. Not checked.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg = "kling-v2-6",
        image_url: str | PathLike[str] | ObjectStoragePath | XComArg,
        video_url: str | PathLike[str] | ObjectStoragePath | XComArg,
        character_orientation: Literal["image", "video"] | XComArg,
        mode: Literal["std", "pro"] | XComArg,
        prompt: str | XComArg | None = None,
        keep_original_sound: Literal["yes", "no"] | XComArg | None = None,
        element_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        watermark_info: Mapping[str, Any] | XComArg | None = None,
        callback_url: str | XComArg | None = None,
        external_task_id: str | XComArg | None = None,
        kling_conn_id: str | XComArg = "kling_default",
        wait_for_completion: bool = True,
        deferrable: bool = ...,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        output_path: Any | XComArg = None,
        end_from_trigger: bool = False,
        max_units: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...

class KlingVideoExtendOperator(KlingTaskOperator):
    """Make a video a few seconds longer.

    :param video_id: Id of a video of text2video, image2video or video-extend, at most 30 days old; the result
        may last 3 minutes in all.
    :param prompt: What happens next; at most 2,500 characters.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param cfg_scale: How closely to follow the prompt, 0 to 1; 0.5 when unset. Only v1 models read it.
    :param callback_url: Address that Kling tells of each change of the task's status.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait is given up; the job itself goes on.
    :param output_path: where to keep the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        task has what only a worker does at its end. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: most that the job may cost by Kling's list price, in units of its resource pack. A job
        that is estimated higher, or whose cost cannot be known before, is not made.
    :param extra_body: further JSON keys of the request, for what the vendor adds tomorrow. Not checked.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        video_id: str | XComArg,
        prompt: str | XComArg | None = None,
        negative_prompt: str | XComArg | None = None,
        cfg_scale: float | str | XComArg | None = None,
        callback_url: str | XComArg | None = None,
        external_task_id: str | XComArg | None = None,
        kling_conn_id: str | XComArg = "kling_default",
        wait_for_completion: bool = True,
        deferrable: bool = ...,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        output_path: Any | XComArg = None,
        end_from_trigger: bool = False,
        max_units: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...

class KlingVideoEffectsOperator(KlingTaskOperator):
    """Put one or two pictures into an effect scene.

    :param effect_scene: Name of the scene; the vendor's effects centre lists over 200.
    :param input: What the scene is made of: {'image'} for one person, {'images': [left, right]} for two;
        other entries are passed on as given.
    :param callback_url: Address that Kling tells of each change of the task's status.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait is given up; the job itself goes on.
    :param output_path: where to keep the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        task has what only a worker does at its end. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: most that the job may cost by Kling's list price, in units of its resource pack. A job
        that is estimated higher, or whose cost cannot be known before, is not made.
    :param extra_body: further JSON keys of the request, for what the vendor adds tomorrow. Not checked.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        effect_scene: str | XComArg,
        input: Mapping[str, Any] | XComArg,  # noqa: A002
        callback_url: str | XComArg | None = None,
        external_task_id: str | XComArg | None = None,
        kling_conn_id: str | XComArg = "kling_default",
        wait_for_completion: bool = True,
        deferrable: bool = ...,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        output_path: Any | XComArg = None,
        end_from_trigger: bool = False,
        max_units: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...

class KlingMultiElementsOperator(KlingTaskOperator):
    """Add, swap or remove elements that were marked in a video.

    :param model_name: Model; the vendor's page of 2026 has no such field, gateways name kling-v1-6.
    :param session_id: Session of init-selection; valid for 24 hours.
    :param edit_mode: addition, swap or removal of an element.
    :param image_list: Pictures {'image'} of the new element, cut out: 1 or 2 to add, 1 to swap.
    :param prompt: What to do, naming <<<video_1>>> and <<<image_1>>>; at most 2,500 characters.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param mode: Quality: std or pro; std when unset.
    :param duration: Length in seconds: 5 for a video of 2 to 5 s, 10 for one of 7 to 10 s; 5 when unset.
    :param watermark_info: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
    :param callback_url: Address that Kling tells of each change of the task's status.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait is given up; the job itself goes on.
    :param output_path: where to keep the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        task has what only a worker does at its end. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: most that the job may cost by Kling's list price, in units of its resource pack. A job
        that is estimated higher, or whose cost cannot be known before, is not made.
    :param extra_body: further JSON keys of the request, for what the vendor adds tomorrow. Not checked.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg | None = None,
        session_id: str | XComArg,
        edit_mode: Literal["addition", "swap", "removal"] | XComArg,
        image_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        prompt: str | XComArg,
        negative_prompt: str | XComArg | None = None,
        mode: Literal["std", "pro"] | XComArg | None = None,
        duration: Literal["5", "10"] | XComArg | None = None,
        watermark_info: Mapping[str, Any] | XComArg | None = None,
        callback_url: str | XComArg | None = None,
        external_task_id: str | XComArg | None = None,
        kling_conn_id: str | XComArg = "kling_default",
        wait_for_completion: bool = True,
        deferrable: bool = ...,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        output_path: Any | XComArg = None,
        end_from_trigger: bool = False,
        max_units: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...
