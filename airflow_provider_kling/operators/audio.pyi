# SPDX-License-Identifier: Apache-2.0
"""Operators that make sound.

Made by ``python -m scripts.generate_stubs``.
"""

from os import PathLike
from typing import Any, ClassVar, Literal, Unpack

from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg

from ..api.endpoint import Endpoint
from .airflow_arguments import AirflowArguments
from .base import KlingTaskOperator

class KlingTextToSpeechOperator(KlingTaskOperator):
    """Let a voice read a text. Answers at once; a lost answer is paid and cannot be recovered.

    :param text: What to say; at most 1,000 characters.
    :param voice_id: Voice of the vendor's text-to-speech list; custom and preset voices do not work here.
    :param voice_language: Language of the voice: zh or en.
    :param voice_speed: Speed, 0.8 to 2.0; 1.0 when unset. The vendor rounds to one decimal place.
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
        text: str | XComArg,
        voice_id: str | XComArg,
        voice_language: Literal["zh", "en"] | XComArg,
        voice_speed: float | str | XComArg | None = None,
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

class KlingTextToAudioOperator(KlingTaskOperator):
    """Make a sound from words.

    :param prompt: What is heard; at most 200 characters.
    :param duration: Length in seconds, 3.0 to 10.0 with one decimal place.
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
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...

class KlingVideoToAudioOperator(KlingTaskOperator):
    """Make a sound that fits a video.

    :param video_id: Id of a video that Kling made, at most 30 days old. Give it or video_url.
    :param video_url: Your own video: mp4 or mov, at most 100 MB, 3 to 20 s. Exactly one of video_id and
        video_url.
    :param sound_effect_prompt: Noises; at most 200 characters; taken from the video when unset.
    :param bgm_prompt: Background music; at most 200 characters; taken from the video when unset.
    :param asmr_mode: Whether to make close, detailed noises; no when unset.
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
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...
