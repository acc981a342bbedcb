# SPDX-License-Identifier: Apache-2.0
"""The operator that marks elements before they are edited.

Made by ``python -m scripts.generate_stubs``.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Unpack

from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg

from ..api.endpoint import Endpoint
from .airflow_arguments import AirflowArguments
from .selecting import SelectingOperator

class KlingMultiElementsSelectionOperator(SelectingOperator):
    """Mark elements in a video, for KlingMultiElementsOperator to swap or remove.

    Returns ``session_id`` (valid for 24 hours), ``duration`` as that operator takes it, facts about the
    video, ``frames`` with the ids of the objects that were found, and with ``preview`` the addresses of a
    video that shows them. A retry opens a new session.

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
        **kwargs: Unpack[AirflowArguments],
    ) -> None: ...
