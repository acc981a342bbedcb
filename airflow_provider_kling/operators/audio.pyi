# SPDX-License-Identifier: Apache-2.0
"""Operators that generate audio.

Made by ``python -m scripts.generate_stubs``.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any, ClassVar, Literal, Unpack

from ..api.endpoint import Endpoint
from ..budget import KlingBudget
from ..version_compat import ObjectStoragePath, XComArg
from ._base_operator_kwargs import BaseOperatorKwargs
from .base import KlingTaskOperator

class KlingTextToSpeechOperator(KlingTaskOperator):
    """Read a text aloud with a voice.

    :param text: Text to speak; at most 1,000 characters.
    :param voice_id: Voice of Kling's text-to-speech list; custom and preset voices do not work here.
    :param voice_language: Language of the voice: zh or en.
    :param voice_speed: Speed, 0.8 to 2.0; 1.0 when unset. Kling rounds it to one decimal place.
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
        text: str | XComArg,
        voice_id: str | XComArg,
        voice_language: Literal["zh", "en"] | str | XComArg,
        voice_speed: float | str | XComArg | None = None,
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

class KlingTextToAudioOperator(KlingTaskOperator):
    """Generate audio from a text prompt.

    :param prompt: What the audio contains; at most 200 characters.
    :param duration: Length in seconds, 3.0 to 10.0 with one decimal place.
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
        prompt: str | XComArg,
        duration: float | str | XComArg,
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

class KlingVideoToAudioOperator(KlingTaskOperator):
    """Generate audio that fits a video.

    :param video_id: Id of a video that Kling generated, at most 30 days old. Exactly one of video_id and
        video_url.
    :param video_url: Your own video: mp4 or mov, at most 100 MB, 3 to 20 s. Exactly one of video_id and
        video_url.
    :param sound_effect_prompt: Sound effects; at most 200 characters; taken from the video when unset.
    :param bgm_prompt: Background music; at most 200 characters; taken from the video when unset.
    :param asmr_mode: Whether to generate close, detailed noises (ASMR); false when unset.
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
        video_id: str | XComArg | None = None,
        video_url: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        sound_effect_prompt: str | XComArg | None = None,
        bgm_prompt: str | XComArg | None = None,
        asmr_mode: bool | str | XComArg | None = None,
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
