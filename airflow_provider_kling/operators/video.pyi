# SPDX-License-Identifier: Apache-2.0
"""Operators that generate and edit videos.

Made by ``python -m scripts.generate_stubs``.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Literal, Unpack

from ..api.endpoint import Endpoint
from ..budget import KlingBudget
from ..version_compat import ObjectStoragePath, XComArg
from ._base_operator_kwargs import BaseOperatorKwargs
from ._calls import KlingCallOperator
from .base import KlingTaskOperator

_Duration = Literal["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"]
_AspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3"]

class KlingTextToVideoOperator(KlingTaskOperator):
    """Generate a video from a text prompt.

    :param model_name: Model that makes the video: kling-v3, kling-v2-6, kling-v2-5-turbo.
    :param prompt: What happens in the video; at most 2,500 characters. Needed without multi_prompt.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param duration: Length of the video in seconds; 5 when unset. v3 makes 3 to 15, older models 5 or 10.
    :param aspect_ratio: Width to height; 16:9 when unset. The vendor documents 16:9, 9:16 and 1:1; the others
        are CometAPI's.
    :param mode: Quality: std is 720p, pro 1080p, 4k (v3 only) 2160p; std when unset.
    :param sound: Whether the video has audio; off when unset. v2-6 (mode pro only) and later models.
    :param cfg_scale: How closely to follow the prompt, 0 to 1; 0.5 when unset. Only v1 models read it.
    :param multi_shot: Whether the video has several shots; no when unset. Then shot_type is needed.
    :param shot_type: customize: shots as in multi_prompt; intelligence: shots taken from the prompt.
    :param multi_prompt: With shot_type customize: 1 to 6 shots {'index', 'prompt', 'duration'}; a prompt has
        at most 512 characters, and the durations (whole seconds) add up to duration.
    :param voice_list: Voices that speak, at most 2 {'voice_id'}; the prompt names them <<<voice_1>>>,
        <<<voice_2>>>. Needs sound='on'.
    :param camera_control: Movement of the camera: {'type', 'config'}. Retired v1 models only.
    :param watermark_info: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
    :param callback_url: URL that Kling calls when the task's status changes.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait ends; the job itself continues.
    :param output_path: where to store the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars. At a gateway, too, Kling's list price counts, although the
        gateway has its own prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that the vendor adds later. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` makes one job for this task instance; ``inputs`` re-uses the job or the
        result stored at ``output_path`` of the same request (content of files, model, parameters) by any DAG,
        run or batch, and charges 0 for it. A clear makes no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be made, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts, tried in order when the one before refuses for
        credit or permission and certainly has no job. The result names the account in ``kling_conn_id``. A
        request with voices, elements or videos of an account stays at ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, each with the next ``take``, while the files
        fail the check. ``max_units`` limits their total cost; rejected files stay stored.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg = "kling-v3",
        prompt: str | XComArg | None = None,
        negative_prompt: str | XComArg | None = None,
        duration: _Duration | str | XComArg | None = None,
        aspect_ratio: _AspectRatio | str | XComArg | None = None,
        mode: Literal["std", "pro", "4k"] | str | XComArg | None = None,
        sound: Literal["on", "off"] | str | XComArg | None = None,
        cfg_scale: float | str | XComArg | None = None,
        multi_shot: bool | str | XComArg | None = None,
        shot_type: Literal["customize", "intelligence"] | str | XComArg | None = None,
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
        max_usd: Any | XComArg = None,
        expected_seconds: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        on_clear: str = "new",
        labels: dict[str, str] | XComArg | None = None,
        budget: KlingBudget | None = None,
        idempotency_scope: str = "run",
        take: str | XComArg = "",
        on_refused: str = "fail",
        poster: bool = False,
        fallback_conn_ids: Sequence[str] | str | XComArg | None = None,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None: ...

class KlingImageToVideoOperator(KlingTaskOperator):
    """Animate an image.

    :param model_name: Model that makes the video: kling-v3, kling-v2-6, kling-v2-5-turbo.
    :param image: First frame.
    :param image_tail: Last frame; needs image too. mode pro for models before v3, without audio for v2-6.
    :param prompt: What happens in the video; at most 2,500 characters.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param duration: Length of the video in seconds; 5 when unset. v3 makes 3 to 15, older models 5 or 10.
    :param mode: Quality: std is 720p, pro 1080p, 4k (v3 only) 2160p; std when unset.
    :param sound: Whether the video has audio; off when unset. v2-6 (mode pro only) and later models.
    :param cfg_scale: How closely to follow the prompt, 0 to 1; 0.5 when unset. Only v1 models read it.
    :param multi_shot: Whether the video has several shots; no when unset. Then shot_type is needed.
    :param shot_type: customize: shots as in multi_prompt; intelligence: shots taken from the prompt.
    :param multi_prompt: With shot_type customize: 1 to 6 shots {'index', 'prompt', 'duration'}; a prompt has
        at most 512 characters, and the durations (whole seconds) add up to duration.
    :param element_list: Subjects of the element library, at most 3 {'element_id'}; the prompt names them
        <<<element_1>>>. v3 only, and not together with voice_list.
    :param voice_list: Voices that speak, at most 2 {'voice_id'}; the prompt names them <<<voice_1>>>,
        <<<voice_2>>>. Needs sound='on'.
    :param static_mask: Mask whose white area stays still, as large as the image.
    :param dynamic_masks: Masks of areas that move, each with its path of 2 to 77 points; at most 6.
    :param camera_control: Movement of the camera: {'type', 'config'}. Retired v1 models only.
    :param watermark_info: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
    :param callback_url: URL that Kling calls when the task's status changes.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait ends; the job itself continues.
    :param output_path: where to store the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars. At a gateway, too, Kling's list price counts, although the
        gateway has its own prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that the vendor adds later. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` makes one job for this task instance; ``inputs`` re-uses the job or the
        result stored at ``output_path`` of the same request (content of files, model, parameters) by any DAG,
        run or batch, and charges 0 for it. A clear makes no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be made, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts, tried in order when the one before refuses for
        credit or permission and certainly has no job. The result names the account in ``kling_conn_id``. A
        request with voices, elements or videos of an account stays at ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, each with the next ``take``, while the files
        fail the check. ``max_units`` limits their total cost; rejected files stay stored.
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
        duration: _Duration | str | XComArg | None = None,
        mode: Literal["std", "pro", "4k"] | str | XComArg | None = None,
        sound: Literal["on", "off"] | str | XComArg | None = None,
        cfg_scale: float | str | XComArg | None = None,
        multi_shot: bool | str | XComArg | None = None,
        shot_type: Literal["customize", "intelligence"] | str | XComArg | None = None,
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
        max_usd: Any | XComArg = None,
        expected_seconds: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        on_clear: str = "new",
        labels: dict[str, str] | XComArg | None = None,
        budget: KlingBudget | None = None,
        idempotency_scope: str = "run",
        take: str | XComArg = "",
        on_refused: str = "fail",
        poster: bool = False,
        fallback_conn_ids: Sequence[str] | str | XComArg | None = None,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None: ...

class KlingMultiImageToVideoOperator(KlingTaskOperator):
    """Generate a video from one to four images of its subjects.

    :param model_name: Model that makes the video. Kling documented kling-v1-6 only, and has retired it; a
        gateway may take others.
    :param image_list: The images, 1 to 4 {'image'}; CometAPI documents 2 to 4.
    :param prompt: What happens in the video; at most 2,500 characters.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param duration: Length in seconds, 5 or 10; 5 when unset.
    :param mode: Quality: std is 720p, pro 1080p; std when unset.
    :param aspect_ratio: Width to height; 16:9 when unset.
    :param cfg_scale: How closely to follow the prompt, 0 to 1; 0.5 when unset. Only v1 models read it.
    :param static_mask: Mask whose white area stays still, as large as the image.
    :param dynamic_masks: Masks of areas that move, each with its path of 2 to 77 points; at most 6.
    :param callback_url: URL that Kling calls when the task's status changes.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait ends; the job itself continues.
    :param output_path: where to store the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars. At a gateway, too, Kling's list price counts, although the
        gateway has its own prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that the vendor adds later. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` makes one job for this task instance; ``inputs`` re-uses the job or the
        result stored at ``output_path`` of the same request (content of files, model, parameters) by any DAG,
        run or batch, and charges 0 for it. A clear makes no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be made, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts, tried in order when the one before refuses for
        credit or permission and certainly has no job. The result names the account in ``kling_conn_id``. A
        request with voices, elements or videos of an account stays at ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, each with the next ``take``, while the files
        fail the check. ``max_units`` limits their total cost; rejected files stay stored.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg = "kling-v1-6",
        image_list: Sequence[Mapping[str, Any]] | XComArg,
        prompt: str | XComArg | None = None,
        negative_prompt: str | XComArg | None = None,
        duration: Literal["5", "10"] | str | XComArg | None = None,
        mode: Literal["std", "pro"] | str | XComArg | None = None,
        aspect_ratio: Literal["16:9", "9:16", "1:1"] | str | XComArg | None = None,
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
        max_usd: Any | XComArg = None,
        expected_seconds: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        on_clear: str = "new",
        labels: dict[str, str] | XComArg | None = None,
        budget: KlingBudget | None = None,
        idempotency_scope: str = "run",
        take: str | XComArg = "",
        on_refused: str = "fail",
        poster: bool = False,
        fallback_conn_ids: Sequence[str] | str | XComArg | None = None,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None: ...

class KlingOmniVideoOperator(KlingTaskOperator):
    """Generate or edit a video from text, images, elements and another video.

    :param model_name: Model that makes the video: kling-video-o1 or kling-v3-omni (audio, shots, 15 s, 4k).
    :param prompt: What happens; at most 2,500 characters. Names its material <<<image_1>>>, <<<element_1>>>,
        <<<video_1>>> by place in the lists. Needed unless shot_type is customize.
    :param image_list: Images {'image_url', 'type'}: to refer to, or as first_frame and end_frame. Together
        with element_list at most 7, with video_list at most 4.
    :param element_list: Subjects of the element library {'element_id'}; at most 3 next to a first_frame.
    :param video_list: One video {'video_url', 'refer_type', 'keep_original_sound'} to refer to (feature) or
        to edit (base).
    :param duration: Length in seconds; 5 when unset. kling-v3-omni makes 3 to 15, kling-video-o1 3 to 10 (5
        or 10 from words or a first frame alone). The result of an edit is as long as the video.
    :param aspect_ratio: Width to height. Needed without a first_frame and without a video to edit.
    :param mode: Quality: std is 720p, pro 1080p, 4k (kling-v3-omni) 2160p; pro when unset.
    :param sound: Whether the video has audio; off when unset. kling-v3-omni, without video_list.
    :param multi_shot: Whether the video has several shots; no when unset. Then shot_type is needed.
    :param shot_type: customize: shots as in multi_prompt; intelligence: shots taken from the prompt.
    :param multi_prompt: With shot_type customize: 1 to 6 shots {'index', 'prompt', 'duration'}; a prompt has
        at most 512 characters, and the durations (whole seconds) add up to duration.
    :param watermark_info: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
    :param callback_url: URL that Kling calls when the task's status changes.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait ends; the job itself continues.
    :param output_path: where to store the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars. At a gateway, too, Kling's list price counts, although the
        gateway has its own prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that the vendor adds later. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` makes one job for this task instance; ``inputs`` re-uses the job or the
        result stored at ``output_path`` of the same request (content of files, model, parameters) by any DAG,
        run or batch, and charges 0 for it. A clear makes no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be made, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts, tried in order when the one before refuses for
        credit or permission and certainly has no job. The result names the account in ``kling_conn_id``. A
        request with voices, elements or videos of an account stays at ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, each with the next ``take``, while the files
        fail the check. ``max_units`` limits their total cost; rejected files stay stored.
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
        duration: _Duration | str | XComArg | None = None,
        aspect_ratio: Literal["16:9", "9:16", "1:1"] | str | XComArg | None = None,
        mode: Literal["std", "pro", "4k"] | str | XComArg | None = None,
        sound: Literal["on", "off"] | str | XComArg | None = None,
        multi_shot: bool | str | XComArg | None = None,
        shot_type: Literal["customize", "intelligence"] | str | XComArg | None = None,
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
        max_usd: Any | XComArg = None,
        expected_seconds: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        on_clear: str = "new",
        labels: dict[str, str] | XComArg | None = None,
        budget: KlingBudget | None = None,
        idempotency_scope: str = "run",
        take: str | XComArg = "",
        on_refused: str = "fail",
        poster: bool = False,
        fallback_conn_ids: Sequence[str] | str | XComArg | None = None,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None: ...

class KlingMotionControlOperator(KlingTaskOperator):
    """Transfer the motion of a person in a video to the person in an image.

    :param model_name: Model that makes the video: kling-v2-6 or kling-v3.
    :param image_url: Image of the person.
    :param video_url: Video whose movement is taken over: mp4 or mov, 340 to 3,850 px a side, 3 to 30 s (at
        most 10 s when character_orientation is image). The result is as long.
    :param character_orientation: Where the person faces: as in the image (video of at most 10 s) or as in the
        video.
    :param mode: Quality: std is 720p, pro 1080p.
    :param prompt: What else is seen; at most 2,500 characters.
    :param keep_original_sound: Whether the result has the video's audio; yes when unset.
    :param element_list: One subject of the element library {'element_id'}, so that the person stays the same.
        kling-v3, which then faces as in the video.
    :param watermark_info: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
    :param callback_url: URL that Kling calls when the task's status changes.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait ends; the job itself continues.
    :param output_path: where to store the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars. At a gateway, too, Kling's list price counts, although the
        gateway has its own prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that the vendor adds later. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` makes one job for this task instance; ``inputs`` re-uses the job or the
        result stored at ``output_path`` of the same request (content of files, model, parameters) by any DAG,
        run or batch, and charges 0 for it. A clear makes no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be made, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts, tried in order when the one before refuses for
        credit or permission and certainly has no job. The result names the account in ``kling_conn_id``. A
        request with voices, elements or videos of an account stays at ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, each with the next ``take``, while the files
        fail the check. ``max_units`` limits their total cost; rejected files stay stored.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg = "kling-v2-6",
        image_url: str | PathLike[str] | ObjectStoragePath | XComArg,
        video_url: str | PathLike[str] | ObjectStoragePath | XComArg,
        character_orientation: Literal["image", "video"] | str | XComArg,
        mode: Literal["std", "pro"] | str | XComArg,
        prompt: str | XComArg | None = None,
        keep_original_sound: Literal["yes", "no"] | str | XComArg | None = None,
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
        max_usd: Any | XComArg = None,
        expected_seconds: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        on_clear: str = "new",
        labels: dict[str, str] | XComArg | None = None,
        budget: KlingBudget | None = None,
        idempotency_scope: str = "run",
        take: str | XComArg = "",
        on_refused: str = "fail",
        poster: bool = False,
        fallback_conn_ids: Sequence[str] | str | XComArg | None = None,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None: ...

class KlingVideoExtendOperator(KlingTaskOperator):
    """Extend a video by a few seconds.

    :param video_id: Id of a video of text2video, image2video or video-extend, at most 30 days old; the result
        may last 3 minutes in all.
    :param prompt: What happens next; at most 2,500 characters.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param cfg_scale: How closely to follow the prompt, 0 to 1; 0.5 when unset. Only v1 models read it.
    :param callback_url: URL that Kling calls when the task's status changes.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait ends; the job itself continues.
    :param output_path: where to store the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars. At a gateway, too, Kling's list price counts, although the
        gateway has its own prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that the vendor adds later. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` makes one job for this task instance; ``inputs`` re-uses the job or the
        result stored at ``output_path`` of the same request (content of files, model, parameters) by any DAG,
        run or batch, and charges 0 for it. A clear makes no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be made, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts, tried in order when the one before refuses for
        credit or permission and certainly has no job. The result names the account in ``kling_conn_id``. A
        request with voices, elements or videos of an account stays at ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, each with the next ``take``, while the files
        fail the check. ``max_units`` limits their total cost; rejected files stay stored.
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
        max_usd: Any | XComArg = None,
        expected_seconds: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        on_clear: str = "new",
        labels: dict[str, str] | XComArg | None = None,
        budget: KlingBudget | None = None,
        idempotency_scope: str = "run",
        take: str | XComArg = "",
        on_refused: str = "fail",
        poster: bool = False,
        fallback_conn_ids: Sequence[str] | str | XComArg | None = None,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None: ...

class KlingVideoEffectsOperator(KlingTaskOperator):
    """Apply an effect scene to one or two images.

    :param effect_scene: Name of the scene; the vendor's effects centre lists over 200.
    :param input: What the scene is made of: {'image'} for one person, {'images': [left, right]} for two;
        other entries are passed on as given.
    :param callback_url: URL that Kling calls when the task's status changes.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait ends; the job itself continues.
    :param output_path: where to store the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars. At a gateway, too, Kling's list price counts, although the
        gateway has its own prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that the vendor adds later. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` makes one job for this task instance; ``inputs`` re-uses the job or the
        result stored at ``output_path`` of the same request (content of files, model, parameters) by any DAG,
        run or batch, and charges 0 for it. A clear makes no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be made, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts, tried in order when the one before refuses for
        credit or permission and certainly has no job. The result names the account in ``kling_conn_id``. A
        request with voices, elements or videos of an account stays at ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, each with the next ``take``, while the files
        fail the check. ``max_units`` limits their total cost; rejected files stay stored.
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
        max_usd: Any | XComArg = None,
        expected_seconds: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        on_clear: str = "new",
        labels: dict[str, str] | XComArg | None = None,
        budget: KlingBudget | None = None,
        idempotency_scope: str = "run",
        take: str | XComArg = "",
        on_refused: str = "fail",
        poster: bool = False,
        fallback_conn_ids: Sequence[str] | str | XComArg | None = None,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None: ...

class KlingMultiElementsSelectionOperator(KlingCallOperator):
    """Mark elements in a video, for KlingMultiElementsOperator to swap or remove.

    Returns ``session_id`` (valid for 24 hours), ``duration`` as that operator accepts it, facts about the
    video, ``frames`` with the ids of the objects that were found, and with ``preview`` the URLs of a video
    that shows them. A retry opens a new session.

    :param video_id: Id of a video that Kling made, at most 30 days old.
    :param video_url: Your own video: mp4 or mov, 2 to 5 s or 7 to 10 s, 720 to 2,160 px a side.
    :param frames: Frames to mark {'frame_index', 'points': [{'x', 'y'}]}, at most 10; points are shares of
        width and height. To swap or remove needs one, to add none.
    :param preview: Whether to also make a video that shows what is marked.
    :param kling_conn_id: id of a connection of type ``kling``.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        video_id: str | XComArg | None = None,
        video_url: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        frames: Sequence[Mapping[str, Any]] | XComArg | None = None,
        preview: bool | str | XComArg = False,
        kling_conn_id: str | XComArg = "kling_default",
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None: ...

class KlingMultiElementsOperator(KlingTaskOperator):
    """Add, swap or remove elements that were marked in a video.

    :param model_name: Model; the vendor's page of 2026 has no such field, gateways name kling-v1-6.
    :param session_id: Session of init-selection; valid for 24 hours.
    :param edit_mode: addition, swap or removal of an element.
    :param image_list: Images {'image'} of the new element, cut out: 1 or 2 to add, 1 to swap.
    :param prompt: What to do, naming <<<video_1>>> and <<<image_1>>>; at most 2,500 characters.
    :param negative_prompt: What must not be seen; at most 2,500 characters.
    :param mode: Quality: std or pro; std when unset.
    :param duration: Length in seconds: 5 for a video of 2 to 5 s, 10 for one of 7 to 10 s; 5 when unset.
    :param watermark_info: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
    :param callback_url: URL that Kling calls when the task's status changes.
    :param external_task_id: Your own id of the task, unique in the account; made by the operator when unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait ends; the job itself continues.
    :param output_path: where to store the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars. At a gateway, too, Kling's list price counts, although the
        gateway has its own prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that the vendor adds later. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` makes one job for this task instance; ``inputs`` re-uses the job or the
        result stored at ``output_path`` of the same request (content of files, model, parameters) by any DAG,
        run or batch, and charges 0 for it. A clear makes no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be made, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts, tried in order when the one before refuses for
        credit or permission and certainly has no job. The result names the account in ``kling_conn_id``. A
        request with voices, elements or videos of an account stays at ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, each with the next ``take``, while the files
        fail the check. ``max_units`` limits their total cost; rejected files stay stored.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg | None = None,
        session_id: str | XComArg,
        edit_mode: Literal["addition", "swap", "removal"] | str | XComArg,
        image_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        prompt: str | XComArg,
        negative_prompt: str | XComArg | None = None,
        mode: Literal["std", "pro"] | str | XComArg | None = None,
        duration: Literal["5", "10"] | str | XComArg | None = None,
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
        max_usd: Any | XComArg = None,
        expected_seconds: Any | XComArg = None,
        extra_body: dict[str, Any] | XComArg | None = None,
        on_clear: str = "new",
        labels: dict[str, str] | XComArg | None = None,
        budget: KlingBudget | None = None,
        idempotency_scope: str = "run",
        take: str | XComArg = "",
        on_refused: str = "fail",
        poster: bool = False,
        fallback_conn_ids: Sequence[str] | str | XComArg | None = None,
        media_rules: dict[str, Any] | None = None,
        regenerate_on_fail: int = 0,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None: ...
