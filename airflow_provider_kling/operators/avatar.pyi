# SPDX-License-Identifier: Apache-2.0
"""Operators that make people in images and videos speak.

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

class KlingAvatarImageToVideoOperator(KlingTaskOperator):
    """Make the person in an image speak an audio.

    :param image: Image with one face.
    :param audio_id: Id of an audio of audio/tts: at most 30 days old, 2 to 300 s (CometAPI: 2 to 60 s).
        Exactly one of audio_id and sound_file.
    :param sound_file: Your own audio: mp3, wav, m4a or aac, at most 5 MB, 2 to 300 s (CometAPI: 2 to 60 s).
        Exactly one of audio_id and sound_file.
    :param prompt: Gestures, mood, camera; at most 2,500 characters. CometAPI refuses requests without it.
    :param mode: Quality: std or pro; std when unset.
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
        image: str | PathLike[str] | ObjectStoragePath | XComArg,
        audio_id: str | XComArg | None = None,
        sound_file: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        prompt: str | XComArg | None = None,
        mode: Literal["std", "pro"] | str | XComArg | None = None,
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

class KlingAvatarOperator(KlingTaskOperator):
    """Make the person in an image speak a text or an audio, at the path that some gateways have.

    :param image: Image with one face, best from the front.
    :param text: What to say; needs voice_id. Exactly one of text and audio_url.
    :param voice_id: Text-to-speech voice that says the text.
    :param audio_url: URL of the audio to speak. Exactly one of text and audio_url.
    :param aspect_ratio: Width to height, such as 16:9; 16:9 when unset. its page does not list the values.
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
        image: str | PathLike[str] | ObjectStoragePath | XComArg,
        text: str | XComArg | None = None,
        voice_id: str | XComArg | None = None,
        audio_url: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        aspect_ratio: str | XComArg | None = None,
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

class KlingLipSyncOperator(KlingTaskOperator):
    """Make the person in a video speak a text or an audio (the older endpoint).

    :param video_id: Id of a video that Kling made. Exactly one of video_id and video_url.
    :param video_url: Your own video: mp4 or mov, at most 100 MB, 2 to 60 s, 720p or 1080p. Exactly one of
        video_id and video_url.
    :param mode: text2video: say text with a voice; audio2video: use your own audio.
    :param text: What to say, at most 120 characters; with mode text2video.
    :param voice_id: Text-to-speech voice; with mode text2video.
    :param voice_language: Language of the voice, zh or en; zh when unset; with mode text2video.
    :param voice_speed: Speed of the voice, 0.8 to 2.0; 1.0 when unset; with mode text2video.
    :param audio_type: How the audio is sent: file (audio_file) or url (audio_url); with mode audio2video.
    :param audio_file: The audio file's content: mp3, wav, m4a or aac, at most 5 MB; with audio_type file.
    :param audio_url: The audio file's URL: mp3, wav, m4a or aac, at most 5 MB; with audio_type url.
    :param callback_url: URL that Kling calls when the task's status changes.
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
        video_id: str | XComArg | None = None,
        video_url: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        mode: Literal["text2video", "audio2video"] | str | XComArg,
        text: str | XComArg | None = None,
        voice_id: str | XComArg | None = None,
        voice_language: Literal["zh", "en"] | str | XComArg | None = None,
        voice_speed: float | str | XComArg | None = None,
        audio_type: Literal["file", "url"] | str | XComArg | None = None,
        audio_file: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        audio_url: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        callback_url: str | XComArg | None = None,
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

class KlingIdentifyFaceOperator(KlingTaskOperator):
    """Find the faces in a video, for advanced lip-sync. Answers at once.

    :param video_id: Id of a video that Kling made. Exactly one of video_id and video_url.
    :param video_url: Your own video: mp4 or mov, at most 100 MB, 2 to 60 s, 512 to 2,160 px a side. Exactly
        one of video_id and video_url.
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
        video_id: str | XComArg | None = None,
        video_url: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
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

class KlingAdvancedLipSyncOperator(KlingTaskOperator):
    """Make a face that was found in a video speak an audio.

    :param session_id: Session of identify-face.
    :param face_choose: The face, with CometAPI one or more: {'face_id', 'audio_id' or 'sound_file',
        'sound_start_time', 'sound_end_time', 'sound_insert_time', 'sound_volume', 'original_audio_volume'};
        times in milliseconds.
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
        session_id: str | XComArg,
        face_choose: Sequence[Mapping[str, Any]] | XComArg,
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
