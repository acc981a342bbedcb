# SPDX-License-Identifier: Apache-2.0
"""Operators that generate, edit and segment images.

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
from .solutions import KlingVirtualTryOn2Operator as KlingVirtualTryOn2Operator

_AspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]
_AspectRatio_ = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "auto"]

class KlingImageRecognizeOperator(KlingTaskOperator):
    """Segment subject, head, face and clothes of an image.

    :param image: The image.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from the creation of the job until the wait ends; the job itself continues. A
        retry after that time waits as long again.
    :param output_path: where to store the result files, a path on disk or in an object store; Kling deletes
        its own copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars by Kling's list price, even at a gateway, which has its own
        prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that are new at Kling. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` creates one job for this task instance; ``inputs`` re-uses the job or
        the result stored at ``output_path`` of the same request (content of files, model, parameters) by any
        DAG, run or batch, and charges 0 for it. A clear submits no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be created, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts. The task uses the next one when the account
        before it rejects the job for credit or permission and certainly has no such job. The result names the
        account in ``kling_conn_id``. A request with voices, elements or videos of an account stays at
        ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, 0 to 10, each with the next ``take``, while the
        files fail the check. ``max_units`` limits their total cost; rejected files remain in the storage.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        image: str | PathLike[str] | ObjectStoragePath | XComArg,
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

class KlingImageGenerationOperator(KlingTaskOperator):
    """Generate images from a text prompt, and from an image if one is given.

    :param model_name: Model that generates the images: kling-v3 or kling-v2-1.
    :param prompt: What the image shows; at most 2,500 characters.
    :param negative_prompt: What to avoid; at most 2,500 characters. Not together with image.
    :param image: Reference image.
    :param image_reference: What the image is a reference for: subject, or face (of one person). kling-v2-1;
        needs image.
    :param image_fidelity: How close the result stays to the image, 0 to 1; 0.5 when unset. kling-v2-1.
    :param human_fidelity: How close the result stays to the face, 0 to 1; 0.45 when unset. kling-v2-1, used
        with image_reference subject only.
    :param element_list: Subjects of the element library {'element_id'}; at most 10 images and elements.
    :param resolution: 1k or 2k; 1k when unset.
    :param n: Number of images to generate, 1 to 9; 1 when unset. Each occupies one slot.
    :param aspect_ratio: Aspect ratio (width to height); 16:9 when unset.
    :param watermark_info: Whether to also create a copy with a watermark: {'enabled': True}; no copy when
        unset.
    :param callback_url: URL that Kling calls when the job's status changes.
    :param external_task_id: Your own id of the job, unique in the account; generated by the operator if
        unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from the creation of the job until the wait ends; the job itself continues. A
        retry after that time waits as long again.
    :param output_path: where to store the result files, a path on disk or in an object store; Kling deletes
        its own copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars by Kling's list price, even at a gateway, which has its own
        prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that are new at Kling. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` creates one job for this task instance; ``inputs`` re-uses the job or
        the result stored at ``output_path`` of the same request (content of files, model, parameters) by any
        DAG, run or batch, and charges 0 for it. A clear submits no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be created, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts. The task uses the next one when the account
        before it rejects the job for credit or permission and certainly has no such job. The result names the
        account in ``kling_conn_id``. A request with voices, elements or videos of an account stays at
        ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, 0 to 10, each with the next ``take``, while the
        files fail the check. ``max_units`` limits their total cost; rejected files remain in the storage.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg = "kling-v3",
        prompt: str | XComArg,
        negative_prompt: str | XComArg | None = None,
        image: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        image_reference: Literal["subject", "face"] | str | XComArg | None = None,
        image_fidelity: float | str | XComArg | None = None,
        human_fidelity: float | str | XComArg | None = None,
        element_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        resolution: Literal["1k", "2k"] | str | XComArg | None = None,
        n: int | str | XComArg | None = None,
        aspect_ratio: _AspectRatio | str | XComArg | None = None,
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

class KlingOmniImageOperator(KlingTaskOperator):
    """Generate or edit images from text, images and elements.

    :param model_name: Model that generates the images: kling-image-o1 or kling-v3-omni (4k, series).
    :param prompt: What the image shows; at most 2,500 characters. Refers to its inputs as <<<image_1>>>,
        <<<element_1>>>.
    :param image_list: Images to refer to {'image'}; at most 10 images and elements.
    :param element_list: Subjects of the element library {'element_id'}; at most 10 images and elements.
    :param resolution: 1k, 2k or (kling-v3-omni) 4k; 1k when unset.
    :param result_type: single images or (kling-v3-omni) a series that belongs together; single when unset.
    :param n: Number of images to generate, 1 to 9; 1 when unset. Each occupies one slot.
    :param series_amount: Images of the series, 2 to 9 or auto; 4 when unset. With result_type series.
    :param aspect_ratio: Aspect ratio (width to height), or auto: chosen from the inputs; auto when unset.
    :param watermark_info: Whether to also create a copy with a watermark: {'enabled': True}; no copy when
        unset.
    :param callback_url: URL that Kling calls when the job's status changes.
    :param external_task_id: Your own id of the job, unique in the account; generated by the operator if
        unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from the creation of the job until the wait ends; the job itself continues. A
        retry after that time waits as long again.
    :param output_path: where to store the result files, a path on disk or in an object store; Kling deletes
        its own copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars by Kling's list price, even at a gateway, which has its own
        prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that are new at Kling. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` creates one job for this task instance; ``inputs`` re-uses the job or
        the result stored at ``output_path`` of the same request (content of files, model, parameters) by any
        DAG, run or batch, and charges 0 for it. A clear submits no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be created, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts. The task uses the next one when the account
        before it rejects the job for credit or permission and certainly has no such job. The result names the
        account in ``kling_conn_id``. A request with voices, elements or videos of an account stays at
        ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, 0 to 10, each with the next ``take``, while the
        files fail the check. ``max_units`` limits their total cost; rejected files remain in the storage.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg = "kling-image-o1",
        prompt: str | XComArg,
        image_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        element_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        resolution: Literal["1k", "2k", "4k"] | str | XComArg | None = None,
        result_type: Literal["single", "series"] | str | XComArg | None = None,
        n: int | str | XComArg | None = None,
        series_amount: Literal["auto"] | int | str | XComArg | None = None,
        aspect_ratio: _AspectRatio_ | str | XComArg | None = None,
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

class KlingMultiImageToImageOperator(KlingTaskOperator):
    """Combine up to four subjects in one image.

    :param model_name: Model that generates the images: kling-v2-1.
    :param prompt: What the image shows; at most 2,500 characters.
    :param subject_image_list: Images of the subjects, 1 to 4 {'subject_image'}, each cropped to its subject.
    :param scene_image: Image of the scene.
    :param style_image: Image of the style.
    :param n: Number of images to generate, 1 to 9; 1 when unset. Each occupies one slot.
    :param aspect_ratio: Aspect ratio (width to height); 16:9 when unset.
    :param watermark_info: Whether to also create a copy with a watermark: {'enabled': True}; no copy when
        unset.
    :param callback_url: URL that Kling calls when the job's status changes.
    :param external_task_id: Your own id of the job, unique in the account; generated by the operator if
        unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from the creation of the job until the wait ends; the job itself continues. A
        retry after that time waits as long again.
    :param output_path: where to store the result files, a path on disk or in an object store; Kling deletes
        its own copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars by Kling's list price, even at a gateway, which has its own
        prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that are new at Kling. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` creates one job for this task instance; ``inputs`` re-uses the job or
        the result stored at ``output_path`` of the same request (content of files, model, parameters) by any
        DAG, run or batch, and charges 0 for it. A clear submits no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be created, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts. The task uses the next one when the account
        before it rejects the job for credit or permission and certainly has no such job. The result names the
        account in ``kling_conn_id``. A request with voices, elements or videos of an account stays at
        ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, 0 to 10, each with the next ``take``, while the
        files fail the check. ``max_units`` limits their total cost; rejected files remain in the storage.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg = "kling-v2-1",
        prompt: str | XComArg | None = None,
        subject_image_list: Sequence[Mapping[str, Any]] | XComArg,
        scene_image: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        style_image: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        n: int | str | XComArg | None = None,
        aspect_ratio: _AspectRatio | str | XComArg | None = None,
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

class KlingImageExpandOperator(KlingTaskOperator):
    """Extend an image beyond its edges.

    :param image: The image.
    :param up_expansion_ratio: How much to add at the top, as a multiple of the image's height, 0 to 2.
    :param down_expansion_ratio: How much to add at the bottom, as a multiple of the image's height, 0 to 2.
    :param left_expansion_ratio: How much to add on the left, as a multiple of the image's width, 0 to 2.
    :param right_expansion_ratio: How much to add on the right, as a multiple of the image's width, 0 to 2.
    :param prompt: What the extended image shows; at most 2,500 characters.
    :param n: Number of images to generate, 1 to 9; 1 when unset. Each occupies one slot.
    :param watermark_info: Whether to also create a copy with a watermark: {'enabled': True}; no copy when
        unset.
    :param callback_url: URL that Kling calls when the job's status changes.
    :param external_task_id: Your own id of the job, unique in the account; generated by the operator if
        unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from the creation of the job until the wait ends; the job itself continues. A
        retry after that time waits as long again.
    :param output_path: where to store the result files, a path on disk or in an object store; Kling deletes
        its own copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars by Kling's list price, even at a gateway, which has its own
        prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that are new at Kling. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` creates one job for this task instance; ``inputs`` re-uses the job or
        the result stored at ``output_path`` of the same request (content of files, model, parameters) by any
        DAG, run or batch, and charges 0 for it. A clear submits no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be created, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts. The task uses the next one when the account
        before it rejects the job for credit or permission and certainly has no such job. The result names the
        account in ``kling_conn_id``. A request with voices, elements or videos of an account stays at
        ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, 0 to 10, each with the next ``take``, while the
        files fail the check. ``max_units`` limits their total cost; rejected files remain in the storage.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        image: str | PathLike[str] | ObjectStoragePath | XComArg,
        up_expansion_ratio: float | str | XComArg,
        down_expansion_ratio: float | str | XComArg,
        left_expansion_ratio: float | str | XComArg,
        right_expansion_ratio: float | str | XComArg,
        prompt: str | XComArg | None = None,
        n: int | str | XComArg | None = None,
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

class KlingVirtualTryOnOperator(KlingTaskOperator):
    """Dress the person in an image.

    :param model_name: Model: kolors-virtual-try-on-v1-5 or kolors-virtual-try-on-v1, both retired.
    :param human_image: Image of the person.
    :param cloth_image: Image of the clothing.
    :param callback_url: URL that Kling calls when the job's status changes.
    :param external_task_id: Your own id of the job, unique in the account; generated by the operator if
        unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from the creation of the job until the wait ends; the job itself continues. A
        retry after that time waits as long again.
    :param output_path: where to store the result files, a path on disk or in an object store; Kling deletes
        its own copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars by Kling's list price, even at a gateway, which has its own
        prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that are new at Kling. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` creates one job for this task instance; ``inputs`` re-uses the job or
        the result stored at ``output_path`` of the same request (content of files, model, parameters) by any
        DAG, run or batch, and charges 0 for it. A clear submits no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be created, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts. The task uses the next one when the account
        before it rejects the job for credit or permission and certainly has no such job. The result names the
        account in ``kling_conn_id``. A request with voices, elements or videos of an account stays at
        ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, 0 to 10, each with the next ``take``, while the
        files fail the check. ``max_units`` limits their total cost; rejected files remain in the storage.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        model_name: str | XComArg = "kolors-virtual-try-on-v1-5",
        human_image: str | PathLike[str] | ObjectStoragePath | XComArg,
        cloth_image: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
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

class KlingAiMultiShotOperator(KlingTaskOperator):
    """Generate views of a subject from other angles, as input for an element.

    :param element_frontal_image: Image of the subject from the front.
    :param callback_url: URL that Kling calls when the job's status changes.
    :param external_task_id: Your own id of the job, unique in the account; generated by the operator if
        unset.
    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from the creation of the job until the wait ends; the job itself continues. A
        retry after that time waits as long again.
    :param output_path: where to store the result files, a path on disk or in an object store; Kling deletes
        its own copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        end of the task needs a worker. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: maximum cost of the job by Kling's list price, in units of its resource pack. A job with
        a higher estimate, or without one, is not submitted.
    :param max_usd: the same limit in US dollars by Kling's list price, even at a gateway, which has its own
        prices.
    :param expected_seconds: length for the estimate of a job whose request does not have it, such as that of
        the audio behind an ``audio_id`` or of a video to edit; for estimates and limits only. The length of a
        file that the task reads has priority. Without it the task searches the results of upstream tasks for
        the ``audio_id`` or URL and, with a limit, reads the headers of a public URL.
    :param extra_body: further JSON keys of the request, for fields that are new at Kling. Not checked.
    :param on_clear: ``new`` creates a new job when the task is cleared; ``attach`` re-attaches to the earlier
        job while it runs or holds a result, and creates a new one only if that one failed or has expired.
    :param labels: texts such as ``{"team": "shop"}`` that attribute the job's cost in the manifest, the asset
        event, the XCom ``request`` and the usage report. Never sent to Kling.
    :param budget: limit that this task shares with others.
    :param idempotency_scope: ``run`` creates one job for this task instance; ``inputs`` re-uses the job or
        the result stored at ``output_path`` of the same request (content of files, model, parameters) by any
        DAG, run or batch, and charges 0 for it. A clear submits no new job then.
    :param take: distinguishes several jobs of the same request: another take, such as ``"2"``, is another
        job.
    :param on_refused: ``fail`` fails the task when its content is refused; with ``return`` it succeeds and
        returns ``{"status": "refused", "reason", "prompt", "task_id", "external_task_id", "charges", ...}``.
    :param poster: store a small JPEG next to each video, as ``poster`` in the result's item. Needs
        ``output_path`` and the extra ``media``; if it cannot be created, the task logs a warning.
    :param fallback_conn_ids: connections of further accounts. The task uses the next one when the account
        before it rejects the job for credit or permission and certainly has no such job. The result names the
        account in ``kling_conn_id``. A request with voices, elements or videos of an account stays at
        ``kling_conn_id``.
    :param media_rules: check the stored files, and fail if they break a rule: a dict with the rules of
        ``KlingMediaCheckOperator``, such as ``{"min_height": 720}``; ``{}`` for its defaults. Needs
        ``output_path`` and the extra ``media``.
    :param regenerate_on_fail: maximum number of further jobs, 0 to 10, each with the next ``take``, while the
        files fail the check. ``max_units`` limits their total cost; rejected files remain in the storage.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        element_frontal_image: str | PathLike[str] | ObjectStoragePath | XComArg,
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
