# SPDX-License-Identifier: Apache-2.0
"""Operators that make and edit videos.

Made by ``python -m scripts.generate_stubs``.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Literal, Unpack

from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg

from ..api.endpoint import Endpoint
from .airflow_arguments import AirflowArguments
from .base import KlingTaskOperator
from .selection import KlingMultiElementsSelectionOperator as KlingMultiElementsSelectionOperator
from .video_edit import KlingMotionControlOperator as KlingMotionControlOperator
from .video_edit import KlingMultiElementsOperator as KlingMultiElementsOperator
from .video_edit import KlingVideoEffectsOperator as KlingVideoEffectsOperator
from .video_edit import KlingVideoExtendOperator as KlingVideoExtendOperator

_Duration = Literal["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"]
_AspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3"]

class KlingTextToVideoOperator(KlingTaskOperator):
    """Make a video from words.

    :param model_name: Model that makes the video: kling-v3, kling-v2-6, kling-v2-5-turbo.
    :param prompt: What happens in the video; at most 2,500 characters. Needed without multi_prompt.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param duration: Length of the video in seconds; 5 when unset. v3 makes 3 to 15, older models 5 or 10.
    :param aspect_ratio: Width to height; 16:9 when unset. The vendor documents 16:9, 9:16 and 1:1; the others
        are CometAPI's.
    :param mode: Quality: std is 720p, pro 1080p, 4k (v3 only) 2160p; std when unset.
    :param sound: Whether the video has sound; off when unset. v2-6 (mode pro only) and later models.
    :param cfg_scale: How closely to follow the prompt, 0 to 1; 0.5 when unset. Only v1 models read it.
    :param multi_shot: Whether the video has several shots; no when unset. Then shot_type is needed.
    :param shot_type: customize: shots as in multi_prompt; intelligence: shots taken from the prompt.
    :param multi_prompt: With shot_type customize: 1 to 6 shots {'index', 'prompt', 'duration'}; a prompt has
        at most 512 characters, and the durations (whole seconds) add up to duration.
    :param voice_list: Voices that speak, at most 2 {'voice_id'}; the prompt names them <<<voice_1>>>,
        <<<voice_2>>>. Needs sound='on'.
    :param camera_control: Movement of the camera: {'type', 'config'}. Retired v1 models only.
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
        model_name: str | XComArg = "kling-v3",
        prompt: str | XComArg | None = None,
        negative_prompt: str | XComArg | None = None,
        duration: _Duration | XComArg | None = None,
        aspect_ratio: _AspectRatio | XComArg | None = None,
        mode: Literal["std", "pro", "4k"] | XComArg | None = None,
        sound: Literal["on", "off"] | XComArg | None = None,
        cfg_scale: float | str | XComArg | None = None,
        multi_shot: bool | str | XComArg | None = None,
        shot_type: Literal["customize", "intelligence"] | XComArg | None = None,
        multi_prompt: Sequence[Mapping[str, Any]] | XComArg | None = None,
        voice_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        camera_control: Mapping[str, Any] | XComArg | None = None,
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

class KlingImageToVideoOperator(KlingTaskOperator):
    """Animate one picture.

    :param model_name: Model that makes the video: kling-v3, kling-v2-6, kling-v2-5-turbo.
    :param image: First frame.
    :param image_tail: Last frame; needs image too. mode pro for models before v3, without sound for v2-6.
    :param prompt: What happens in the video; at most 2,500 characters.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param duration: Length of the video in seconds; 5 when unset. v3 makes 3 to 15, older models 5 or 10.
    :param mode: Quality: std is 720p, pro 1080p, 4k (v3 only) 2160p; std when unset.
    :param sound: Whether the video has sound; off when unset. v2-6 (mode pro only) and later models.
    :param cfg_scale: How closely to follow the prompt, 0 to 1; 0.5 when unset. Only v1 models read it.
    :param multi_shot: Whether the video has several shots; no when unset. Then shot_type is needed.
    :param shot_type: customize: shots as in multi_prompt; intelligence: shots taken from the prompt.
    :param multi_prompt: With shot_type customize: 1 to 6 shots {'index', 'prompt', 'duration'}; a prompt has
        at most 512 characters, and the durations (whole seconds) add up to duration.
    :param element_list: Subjects of the element library, at most 3 {'element_id'}; the prompt names them
        <<<element_1>>>. v3 only, and not together with voice_list.
    :param voice_list: Voices that speak, at most 2 {'voice_id'}; the prompt names them <<<voice_1>>>,
        <<<voice_2>>>. Needs sound='on'.
    :param static_mask: Mask whose white area stays still, as large as the picture.
    :param dynamic_masks: Masks of areas that move, each with its path of 2 to 77 points; at most 6.
    :param camera_control: Movement of the camera: {'type', 'config'}. Retired v1 models only.
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
        model_name: str | XComArg = "kling-v3",
        image: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        image_tail: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        prompt: str | XComArg | None = None,
        negative_prompt: str | XComArg | None = None,
        duration: _Duration | XComArg | None = None,
        mode: Literal["std", "pro", "4k"] | XComArg | None = None,
        sound: Literal["on", "off"] | XComArg | None = None,
        cfg_scale: float | str | XComArg | None = None,
        multi_shot: bool | str | XComArg | None = None,
        shot_type: Literal["customize", "intelligence"] | XComArg | None = None,
        multi_prompt: Sequence[Mapping[str, Any]] | XComArg | None = None,
        element_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        voice_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        static_mask: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        dynamic_masks: Sequence[Mapping[str, Any]] | XComArg | None = None,
        camera_control: Mapping[str, Any] | XComArg | None = None,
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

class KlingMultiImageToVideoOperator(KlingTaskOperator):
    """Make a video from one to four pictures of its subjects.

    :param model_name: Model that makes the video. Kling documented kling-v1-6 only, and has retired it; a
        gateway may take others.
    :param image_list: The pictures, 1 to 4 {'image'}; CometAPI documents 2 to 4.
    :param prompt: What happens in the video; at most 2,500 characters.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param duration: Length in seconds, 5 or 10; 5 when unset.
    :param mode: Quality: std is 720p, pro 1080p; std when unset.
    :param aspect_ratio: Width to height; 16:9 when unset.
    :param cfg_scale: How closely to follow the prompt, 0 to 1; 0.5 when unset. Only v1 models read it.
    :param static_mask: Mask whose white area stays still, as large as the picture.
    :param dynamic_masks: Masks of areas that move, each with its path of 2 to 77 points; at most 6.
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
        model_name: str | XComArg = "kling-v1-6",
        image_list: Sequence[Mapping[str, Any]] | XComArg,
        prompt: str | XComArg | None = None,
        negative_prompt: str | XComArg | None = None,
        duration: Literal["5", "10"] | XComArg | None = None,
        mode: Literal["std", "pro"] | XComArg | None = None,
        aspect_ratio: Literal["16:9", "9:16", "1:1"] | XComArg | None = None,
        cfg_scale: float | str | XComArg | None = None,
        static_mask: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        dynamic_masks: Sequence[Mapping[str, Any]] | XComArg | None = None,
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

class KlingOmniVideoOperator(KlingTaskOperator):
    """Make or edit a video from words, pictures, elements and another video.

    :param model_name: Model that makes the video: kling-video-o1 or kling-v3-omni (sound, shots, 15 s, 4k).
    :param prompt: What happens; at most 2,500 characters. Names its material <<<image_1>>>, <<<element_1>>>,
        <<<video_1>>> by place in the lists. Needed unless shot_type is customize.
    :param image_list: Pictures {'image_url', 'type'}: to refer to, or as first_frame and end_frame. Together
        with element_list at most 7, with video_list at most 4.
    :param element_list: Subjects of the element library {'element_id'}; at most 3 beside a first_frame.
    :param video_list: One video {'video_url', 'refer_type', 'keep_original_sound'} to refer to (feature) or
        to edit (base).
    :param duration: Length in seconds; 5 when unset. kling-v3-omni makes 3 to 15, kling-video-o1 3 to 10 (5
        or 10 from words or a first frame alone). A video to edit keeps its own length.
    :param aspect_ratio: Width to height. Needed without a first_frame and without a video to edit.
    :param mode: Quality: std is 720p, pro 1080p, 4k (kling-v3-omni) 2160p; pro when unset.
    :param sound: Whether the video has sound; off when unset. kling-v3-omni, without video_list.
    :param multi_shot: Whether the video has several shots; no when unset. Then shot_type is needed.
    :param shot_type: customize: shots as in multi_prompt; intelligence: shots taken from the prompt.
    :param multi_prompt: With shot_type customize: 1 to 6 shots {'index', 'prompt', 'duration'}; a prompt has
        at most 512 characters, and the durations (whole seconds) add up to duration.
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
        model_name: str | XComArg = "kling-video-o1",
        prompt: str | XComArg | None = None,
        image_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        element_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        video_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        duration: _Duration | XComArg | None = None,
        aspect_ratio: Literal["16:9", "9:16", "1:1"] | XComArg | None = None,
        mode: Literal["std", "pro", "4k"] | XComArg | None = None,
        sound: Literal["on", "off"] | XComArg | None = None,
        multi_shot: bool | str | XComArg | None = None,
        shot_type: Literal["customize", "intelligence"] | XComArg | None = None,
        multi_prompt: Sequence[Mapping[str, Any]] | XComArg | None = None,
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
