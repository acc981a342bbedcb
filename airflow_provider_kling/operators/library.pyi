# SPDX-License-Identifier: Apache-2.0
"""Operators for the account's voices and elements.

Made by ``python -m scripts.generate_stubs``.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Literal, Unpack

from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg

from ..api.endpoint import Endpoint
from .airflow_arguments import AirflowArguments
from .base import KlingTaskOperator
from .call import DeletingOperator

class KlingCustomVoiceOperator(KlingTaskOperator):
    """Make a voice from a recording.

    :param voice_name: Name of the voice; at most 20 characters.
    :param voice_url: Recording: mp3, wav, mp4 or mov, one clean voice, 5 to 30 s. Exactly one of voice_url
        and video_id.
    :param video_id: Id of a video of kling-v2-6 with sound, of an avatar or of lip-sync. Exactly one of
        voice_url and video_id.
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
        voice_name: str | XComArg,
        voice_url: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        video_id: str | XComArg | None = None,
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

class KlingDeleteVoiceOperator(DeletingOperator):
    """Delete one of the account's own voices; one that does not exist is fine.

    Returns ``{"voice_id", "deleted"}``; ``deleted`` says whether it was there.

    :param voice_id: Id of the account's own voice.
    :param kling_conn_id: id of a connection of type ``kling``.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        voice_id: str | XComArg,
        kling_conn_id: str | XComArg = "kling_default",
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...

class KlingCustomElementOperator(KlingTaskOperator):
    """Make an element: a subject that other requests can use.

    :param element_name: Name of the element; at most 20 characters.
    :param element_description: What it is; at most 100 characters.
    :param reference_type: Made of what: image_refer (element_image_list) or video_refer (element_video_list).
    :param element_image_list: With image_refer: {'frontal_image', 'refer_images': [{'image_url'}]}; 1 to 3
        views.
    :param element_video_list: With video_refer: {'refer_videos': [{'video_url'}]}, one mp4 or mov of a
        lifelike person, 3 to 8 s, 1080p, 16:9 or 9:16, at most 200 MB.
    :param element_voice_id: Voice of the element.
    :param tag_list: Tags {'tag_id'}: o_101 hottest, o_102 character, o_103 animal, o_104 item, o_105 costume,
        o_106 scene, o_107 effect, o_108 others.
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
        element_name: str | XComArg,
        element_description: str | XComArg,
        reference_type: Literal["image_refer", "video_refer"] | XComArg,
        element_image_list: Mapping[str, Any] | XComArg | None = None,
        element_video_list: Mapping[str, Any] | XComArg | None = None,
        element_voice_id: str | XComArg | None = None,
        tag_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
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

class KlingDeleteElementOperator(DeletingOperator):
    """Delete one of the account's own elements; one that does not exist is fine.

    Returns ``{"element_id", "deleted"}``; ``deleted`` says whether it was there.

    :param element_id: Id of the account's own element.
    :param kling_conn_id: id of a connection of type ``kling``.
    """

    endpoint: ClassVar[Endpoint]
    def __init__(
        self,
        *,
        element_id: str | XComArg,
        kling_conn_id: str | XComArg = "kling_default",
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...
