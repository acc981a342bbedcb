# SPDX-License-Identifier: Apache-2.0
"""Operators of the vendor's API 2.0, which has the newest models.

Made by ``python -m scripts.generate_stubs``.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Literal, Unpack

from ..api.endpoint import Endpoint
from ..budget import KlingBudget
from ..version_compat import ObjectStoragePath, XComArg
from ._base_operator_kwargs import BaseOperatorKwargs
from .base import KlingTaskOperator

class KlingTextToVideo2Operator(KlingTaskOperator):
    """Generate a video from a text prompt, with API 2.0.

    :param model_name: Model that makes the video: kling-3.0-turbo, kling-3.0, kling-2.6, kling-2.5-turbo.
    :param prompt: What happens in the video; at most 3,072 characters (2.x models and kling-o1: 2,500).
        Several shots: 'shot 1, 2, words; shot 2, 3, words;', where 2 and 3 are seconds.
    :param duration: Length of the video in whole seconds, 3 to 15; 5 when unset. 2.x makes 5 or 10.
    :param aspect_ratio: Width to height; 16:9 when unset.
    :param resolution: Size of the video; 720p when unset. 4k: kling-3.0 and kling-3.0-omni.
    :param audio: native: the video has audio; off when unset. kling-3.0 and kling-2.6 (1080p only);
        kling-3.0-turbo always has audio.
    :param multi_shot: False: one shot, whatever the prompt says; true when unset. kling-3.0, kling-3.0-omni.
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
        model_name: str | XComArg = "kling-3.0-turbo",
        prompt: str | XComArg,
        duration: int | str | XComArg | None = None,
        aspect_ratio: Literal["16:9", "9:16", "1:1"] | str | XComArg | None = None,
        resolution: Literal["720p", "1080p", "4k"] | str | XComArg | None = None,
        audio: Literal["native", "off"] | str | XComArg | None = None,
        multi_shot: bool | str | XComArg | None = None,
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

class KlingImageToVideo2Operator(KlingTaskOperator):
    """Animate an image, with API 2.0.

    :param model_name: Model that makes the video: kling-3.0-turbo, kling-3.0, kling-2.6, kling-2.5-turbo.
    :param first_frame: The image that the video begins with: jpg or png, at most 50 MB, at least 300 px a
        side, ratio 1:2.5 to 2.5:1.
    :param last_frame: The image that it ends with. Not with kling-3.0-turbo; 2.x models need 1080p for it.
    :param prompt: What happens in the video; at most 3,072 characters (2.x models and kling-o1: 2,500).
        Several shots: 'shot 1, 2, words; shot 2, 3, words;', where 2 and 3 are seconds.
    :param elements: Subjects of the element library {'element_id', 'id'}, at most 3. kling-3.0.
    :param voices: Voices that speak, at most 2 {'voice_id', 'id'}; the prompt names them @id. kling-2.6, with
        audio='native'.
    :param duration: Length of the video in whole seconds, 3 to 15; 5 when unset. 2.x makes 5 or 10.
    :param resolution: Size of the video; 720p when unset. 4k: kling-3.0 and kling-3.0-omni.
    :param audio: native: the video has audio; off when unset. kling-3.0 and kling-2.6 (1080p only);
        kling-3.0-turbo always has audio.
    :param multi_shot: False: one shot, whatever the prompt says; true when unset. kling-3.0, kling-3.0-omni.
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
        model_name: str | XComArg = "kling-3.0-turbo",
        first_frame: str | PathLike[str] | ObjectStoragePath | XComArg,
        last_frame: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        prompt: str | XComArg | None = None,
        elements: Sequence[Mapping[str, Any]] | XComArg | None = None,
        voices: Sequence[Mapping[str, Any]] | XComArg | None = None,
        duration: int | str | XComArg | None = None,
        resolution: Literal["720p", "1080p", "4k"] | str | XComArg | None = None,
        audio: Literal["native", "off"] | str | XComArg | None = None,
        multi_shot: bool | str | XComArg | None = None,
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

class KlingOmniVideo2Operator(KlingTaskOperator):
    """Generate or edit a video from text, images, elements and another video, with API 2.0.

    :param model_name: Model that makes the video: kling-3.0-omni or kling-o1 (3 to 10 s, no native audio).
    :param prompt: What happens; at most 3,072 characters (2.x models and kling-o1: 2,500). It calls its
        material by the ids given here: @id. Several shots: 'shot 1, 2, words; shot 2, 3, words;', where 2 and
        3 are seconds.
    :param first_frame: The image that the video begins with, or {'url', 'id'} to call it by a name.
    :param last_frame: The image that it ends with; needs a first_frame.
    :param refer_images: Images to refer to, each as it is or {'url', 'id'}. Together with elements at most 7,
        with a video at most 4.
    :param feature_video: A video whose look or movement is taken over; 3 to 15.5 s.
    :param base_video: A video to edit; 3 to 15.5 s. The result is as long, and that length is charged.
    :param elements: Subjects of the element library {'element_id', 'id'}; at most 3 next to a frame.
    :param duration: Length of the video in whole seconds, 3 to 15; 5 when unset. 2.x makes 5 or 10.
    :param aspect_ratio: Width to height; 16:9 when unset and no frame or video sets it.
    :param resolution: Size of the video; 720p when unset. 4k: kling-3.0 and kling-3.0-omni.
    :param audio: native: the video has audio of its own; original: that of base_video; off when unset.
    :param multi_shot: False: one shot, whatever the prompt says; true when unset. kling-3.0, kling-3.0-omni.
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
        model_name: str | XComArg = "kling-3.0-omni",
        prompt: str | XComArg | None = None,
        first_frame: str | PathLike[str] | ObjectStoragePath | Mapping[str, Any] | XComArg | None = None,
        last_frame: str | PathLike[str] | ObjectStoragePath | Mapping[str, Any] | XComArg | None = None,
        refer_images: Sequence[str | PathLike[str] | ObjectStoragePath | Mapping[str, Any]]
        | XComArg
        | None = None,
        feature_video: str | PathLike[str] | ObjectStoragePath | Mapping[str, Any] | XComArg | None = None,
        base_video: str | PathLike[str] | ObjectStoragePath | Mapping[str, Any] | XComArg | None = None,
        elements: Sequence[Mapping[str, Any]] | XComArg | None = None,
        duration: int | str | XComArg | None = None,
        aspect_ratio: Literal["16:9", "9:16", "1:1"] | str | XComArg | None = None,
        resolution: Literal["720p", "1080p", "4k"] | str | XComArg | None = None,
        audio: Literal["native", "original", "off"] | str | XComArg | None = None,
        multi_shot: bool | str | XComArg | None = None,
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

class KlingMotionControl2Operator(KlingTaskOperator):
    """Transfer the motion of a video to an image, with API 2.0.

    :param model_name: Model that makes the video: kling-3.0 or kling-2.6.
    :param image: The image of who is to move; at most 50 MB.
    :param video: The video whose movement is taken over: mp4 or mov, 3 to 30 s, at most 100 MB, 340 to 3,850
        px a side. The result is as long.
    :param character_orientation: Whether the character faces as in image (video of at most 10 s) or as in
        video.
    :param prompt: What else is to be seen; at most 2,500 characters.
    :param elements: One subject of the element library {'element_id', 'id'}. kling-3.0.
    :param resolution: Size; 720p when unset.
    :param audio: original: the audio of video, also when unset; off: none.
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
        model_name: str | XComArg = "kling-3.0",
        image: str | PathLike[str] | ObjectStoragePath | XComArg,
        video: str | PathLike[str] | ObjectStoragePath | XComArg,
        character_orientation: Literal["image", "video"] | str | XComArg,
        prompt: str | XComArg | None = None,
        elements: Sequence[Mapping[str, Any]] | XComArg | None = None,
        resolution: Literal["720p", "1080p"] | str | XComArg | None = None,
        audio: Literal["original", "off"] | str | XComArg | None = None,
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
