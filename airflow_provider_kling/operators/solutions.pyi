# SPDX-License-Identifier: Apache-2.0
"""Operators of the vendor's ready-made solutions.

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

_AspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]

class KlingVirtualTryOn2Operator(KlingTaskOperator):
    """Dress a person in a garment.

    :param person_image: The person: public URL of a jpg, png or webp, at most 10 MB, 301 to 2,048 px a side.
    :param product_image: The garment, under the same limits.
    :param keep_face: Whether the face stays as it is; true when unset.
    :param keep_pose: Whether the pose stays as it is; true when unset.
    :param keep_background: Whether the background stays as it is; true when unset.
    :param watermark: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
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
        person_image: str | PathLike[str] | ObjectStoragePath | XComArg,
        product_image: str | PathLike[str] | ObjectStoragePath | XComArg,
        keep_face: bool | str | XComArg | None = None,
        keep_pose: bool | str | XComArg | None = None,
        keep_background: bool | str | XComArg | None = None,
        watermark: Mapping[str, Any] | XComArg | None = None,
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

class KlingGoodsStudioOperator(KlingTaskOperator):
    """Generate a product video from images of the product and a short text.

    :param ref_image: Images of the product, 1 to 5: each jpg, png or webp, at most 50 MB, at least 300 px a
        side, ratio 1:2.5 to 2.5:1.
    :param goods_title: Name of the product; at most 200 characters.
    :param goods_description: What is to be said of the product; at most 2,000 characters.
    :param resolution: Size of the video.
    :param aspect_ratio: Width to height.
    :param duration: Length of the video in seconds.
    :param watermark: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
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
        ref_image: Sequence[str | PathLike[str] | ObjectStoragePath] | XComArg,
        goods_title: str | XComArg,
        goods_description: str | XComArg | None = None,
        resolution: Literal["720p", "1080p"] | str | XComArg,
        aspect_ratio: Literal["9:16", "1:1", "16:9"] | str | XComArg,
        duration: Literal[15, 30, 60] | str | XComArg,
        watermark: Mapping[str, Any] | XComArg | None = None,
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

class KlingApparelReplicatorOperator(KlingTaskOperator):
    """Regenerate a video of clothes with another garment.

    :param product_info: What the garment is; at most 2,500 characters.
    :param source_video: The video to remake: public URL of an mp4 or mov, 5 to 180 s, at most 100 MB, 576 to
        4,553 px a side and 8,294,400 px in all, ratio 0.4 to 2, 24 to 60 fps.
    :param product_image: Images of the garment, 1 to 5: each jpg, png or webp, at most 50 MB, at least 300 px
        a side, ratio 1:2.5 to 2.5:1.
    :param model_image: Images of who is to wear it, at most 5, under the same limits; the person of
        source_video when unset.
    :param bgm: Music: public URL of an mp3, m4a or wav, at most 50 MB; chosen by Kling when unset.
    :param voice: Id of the voice that speaks, of a catalogue of its own, such as calm_sales_woman; the
        model's own voice when unset.
    :param aspect_ratio: Width to height.
    :param resolution: Size of the video; 720p when unset.
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
        product_info: str | XComArg,
        source_video: str | PathLike[str] | ObjectStoragePath | XComArg,
        product_image: Sequence[str | PathLike[str] | ObjectStoragePath] | XComArg,
        model_image: Sequence[str | PathLike[str] | ObjectStoragePath] | XComArg | None = None,
        bgm: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        voice: str | XComArg | None = None,
        aspect_ratio: _AspectRatio | str | XComArg | None = None,
        resolution: Literal["720p", "1080p"] | str | XComArg | None = None,
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

class KlingVideoCommerceOperator(KlingTaskOperator):
    """Generate a person who speaks a text to the camera and shows a product.

    :param avatar_image: Image of the person who speaks: jpg, png or webp, at most 50 MB, at least 300 px a
        side, ratio 1:2.5 to 2.5:1. Needs voice_id.
    :param avatar_id: Id of a person of Kling's library instead, such as avatar_anna_female, who has a voice.
    :param speech_script: What is said, at most 2,000 characters; its length decides that of the video and its
        price.
    :param ref_image: Images of a product to show, at most 5: each jpg, png or webp, at most 50 MB, at least
        300 px a side, ratio 1:2.5 to 2.5:1. Needs goods_title.
    :param goods_title: Name of the product; at most 500 characters. Needs ref_image.
    :param goods_price: Its price, in words; at most 256 characters.
    :param goods_target_audience: Whom it is for: at most 20 entries of at most 200 characters.
    :param goods_selling_point: What speaks for it: at most 20 entries of at most 500 characters.
    :param resolution: Size of the video; 720p when unset.
    :param aspect_ratio: Width to height; 9:16 when unset.
    :param voice_id: Id of the voice, of a catalogue of its own, such as female_warm_rich. Needed with
        avatar_image, refused with avatar_id.
    :param speech_rate: Speed of the speech: 0.8, 1.0 or 1.2; 1.0 when unset. Refused with a product.
    :param allow_polish: Whether Kling may rewrite speech_script; false when unset.
    :param action_prompt: What the person does; at most 2,500 characters.
    :param bgm_enabled: Whether to add music; false when unset.
    :param watermark: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
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
        avatar_image: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        avatar_id: str | XComArg | None = None,
        speech_script: str | XComArg,
        ref_image: Sequence[str | PathLike[str] | ObjectStoragePath] | XComArg | None = None,
        goods_title: str | XComArg | None = None,
        goods_price: str | XComArg | None = None,
        goods_target_audience: Sequence[str] | XComArg | None = None,
        goods_selling_point: Sequence[str] | XComArg | None = None,
        resolution: Literal["720p", "1080p"] | str | XComArg | None = None,
        aspect_ratio: Literal["9:16", "16:9"] | str | XComArg | None = None,
        voice_id: str | XComArg | None = None,
        speech_rate: float | str | XComArg | None = None,
        allow_polish: bool | str | XComArg | None = None,
        action_prompt: str | XComArg | None = None,
        bgm_enabled: bool | str | XComArg | None = None,
        watermark: Mapping[str, Any] | XComArg | None = None,
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

class KlingDramaSubtitleOperator(KlingTaskOperator):
    """Translate the speech of a video: a video with English subtitles, and SRT and ASS files.

    :param source_video: The video, with audio and spoken Chinese: public URL, at most 300 s and 500 MB; mp4
        is the safest format.
    :param glossary: How names are translated, at most 200 entries {'source', 'target'}.
    :param target_cps: Reading speed in characters a second, 10 to 20; 17 when unset.
    :param target_language: Language of the subtitles: en, also when unset.
    :param margin_v: Distance of the subtitles from the bottom in pixels, 1 to 4,096; chosen by Kling when
        unset.
    :param font_size: Size of the letters, 1 to 512; chosen by Kling when unset.
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
        source_video: str | PathLike[str] | ObjectStoragePath | XComArg,
        glossary: Sequence[Mapping[str, Any]] | XComArg | None = None,
        target_cps: int | str | XComArg | None = None,
        target_language: str | XComArg | None = None,
        margin_v: int | str | XComArg | None = None,
        font_size: int | str | XComArg | None = None,
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
