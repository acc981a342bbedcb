# SPDX-License-Identifier: Apache-2.0
"""Operators that make and read pictures.

Made by ``python -m scripts.generate_stubs``.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Literal, Unpack

from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg

from ..api.endpoint import Endpoint
from .airflow_arguments import AirflowArguments
from .base import KlingTaskOperator
from .solutions import KlingVirtualTryOn2Operator as KlingVirtualTryOn2Operator

_AspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]
_AspectRatio_ = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "auto"]

class KlingImageRecognizeOperator(KlingTaskOperator):
    """Cut subject, head, face and clothes out of a picture. Answers at once.

    :param image: The picture.
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
        image: str | PathLike[str] | ObjectStoragePath | XComArg,
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

class KlingImageGenerationOperator(KlingTaskOperator):
    """Make pictures from words, and from a picture if one is given.

    :param model_name: Model that makes the pictures: kling-v3 or kling-v2-1.
    :param prompt: What is seen; at most 2,500 characters.
    :param negative_prompt: What must not be seen; at most 2,500 characters. Not together with image.
    :param image: Picture to begin from.
    :param image_reference: What image stands for: subject or face (of one person). kling-v2-1; needs image.
    :param image_fidelity: How close to keep to the picture, 0 to 1; 0.5 when unset. kling-v2-1.
    :param human_fidelity: How close to keep to the face, 0 to 1; 0.45 when unset. kling-v2-1, read with
        image_reference subject only.
    :param element_list: Subjects of the element library {'element_id'}; at most 10 pictures and elements.
    :param resolution: 1k or 2k; 1k when unset.
    :param n: How many pictures to make, 1 to 9; 1 when unset. Each takes one concurrency slot.
    :param aspect_ratio: Width to height; 16:9 when unset.
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
        prompt: str | XComArg,
        negative_prompt: str | XComArg | None = None,
        image: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        image_reference: Literal["subject", "face"] | XComArg | None = None,
        image_fidelity: float | str | XComArg | None = None,
        human_fidelity: float | str | XComArg | None = None,
        element_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        resolution: Literal["1k", "2k"] | XComArg | None = None,
        n: int | str | XComArg | None = None,
        aspect_ratio: _AspectRatio | XComArg | None = None,
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

class KlingOmniImageOperator(KlingTaskOperator):
    """Make or edit pictures from words, pictures and elements.

    :param model_name: Model that makes the pictures: kling-image-o1 or kling-v3-omni (4k, series).
    :param prompt: What is seen; at most 2,500 characters. Names material <<<image_1>>>, <<<element_1>>>.
    :param image_list: Pictures to refer to {'image'}; at most 10 pictures and elements.
    :param element_list: Subjects of the element library {'element_id'}; at most 10 pictures and elements.
    :param resolution: 1k, 2k or (kling-v3-omni) 4k; 1k when unset.
    :param result_type: single pictures or (kling-v3-omni) a series that belongs together; single when unset.
    :param n: How many pictures to make, 1 to 9; 1 when unset. Each takes one concurrency slot.
    :param series_amount: Pictures of the series, 2 to 9 or auto; 4 when unset. With result_type series.
    :param aspect_ratio: Width to height, or auto: as the material suggests; auto when unset.
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
        model_name: str | XComArg = "kling-image-o1",
        prompt: str | XComArg,
        image_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        element_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        resolution: Literal["1k", "2k", "4k"] | XComArg | None = None,
        result_type: Literal["single", "series"] | XComArg | None = None,
        n: int | str | XComArg | None = None,
        series_amount: Literal["auto"] | int | XComArg | None = None,
        aspect_ratio: _AspectRatio_ | XComArg | None = None,
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

class KlingMultiImageToImageOperator(KlingTaskOperator):
    """Put up to four subjects into one picture.

    :param model_name: Model that makes the pictures: kling-v2-1.
    :param prompt: What is seen; at most 2,500 characters.
    :param subject_image_list: Pictures of the subjects, 1 to 4 {'subject_image'}, each cut to its subject.
    :param scene_image: Picture of the scene.
    :param style_image: Picture of the style.
    :param n: How many pictures to make, 1 to 9; 1 when unset. Each takes one concurrency slot.
    :param aspect_ratio: Width to height; 16:9 when unset.
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
        model_name: str | XComArg = "kling-v2-1",
        prompt: str | XComArg | None = None,
        subject_image_list: Sequence[Mapping[str, Any]] | XComArg,
        scene_image: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        style_image: str | PathLike[str] | ObjectStoragePath | XComArg | None = None,
        n: int | str | XComArg | None = None,
        aspect_ratio: _AspectRatio | XComArg | None = None,
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

class KlingImageExpandOperator(KlingTaskOperator):
    """Draw on beyond the edges of a picture.

    :param image: The picture.
    :param up_expansion_ratio: Part to add above, in heights of the picture, 0 to 2.
    :param down_expansion_ratio: Part to add below, in heights of the picture, 0 to 2.
    :param left_expansion_ratio: Part to add on the left, in widths of the picture, 0 to 2.
    :param right_expansion_ratio: Part to add on the right, in widths of the picture, 0 to 2.
    :param prompt: What is seen there; at most 2,500 characters.
    :param n: How many pictures to make, 1 to 9; 1 when unset. Each takes one concurrency slot.
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
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...

class KlingVirtualTryOnOperator(KlingTaskOperator):
    """Dress the person in a picture.

    :param model_name: Model: kolors-virtual-try-on-v1-5 or kolors-virtual-try-on-v1, both retired.
    :param human_image: Picture of the person.
    :param cloth_image: Picture of the clothing.
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
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...

class KlingAiMultiShotOperator(KlingTaskOperator):
    """Show a subject from other sides, as material for an element.

    :param element_frontal_image: Picture of the subject from the front.
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
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...
