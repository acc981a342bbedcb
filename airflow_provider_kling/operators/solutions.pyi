# SPDX-License-Identifier: Apache-2.0
"""Operators of the vendor's ready-made solutions.

Made by ``python -m scripts.generate_stubs``.
"""

from collections.abc import Mapping
from os import PathLike
from typing import Any, ClassVar, Unpack

from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg

from ..api.endpoint import Endpoint
from .airflow_arguments import AirflowArguments
from .base import KlingTaskOperator

class KlingVirtualTryOn2Operator(KlingTaskOperator):
    """Dress a person in a garment.

    :param person_image: The person: public address of a jpg, png or webp, at most 10 MB, 300 to 2,048 px a
        side.
    :param product_image: The garment, under the same limits.
    :param keep_face: Whether the face stays as it is; true when unset.
    :param keep_pose: Whether the pose stays as it is; true when unset.
    :param keep_background: Whether the background stays as it is; true when unset.
    :param watermark: Whether to also make a copy with a watermark: {'enabled': True}; no when unset.
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
        extra_body: dict[str, Any] | XComArg | None = None,
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...
