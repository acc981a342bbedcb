# SPDX-License-Identifier: Apache-2.0
"""Requests of the vendor's ready-made solutions, each followed by its endpoint."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, ClassVar

from pydantic import Field

from .api2 import Api2Request, ListedTaskId
from .endpoint import Endpoint, Result
from .fields import MEGABYTE, CallbackUrl, Media
from .objects import Watermark

SOLUTIONS = "/solutions"
"""Where the tasks of all solutions are queried."""

TryOnPicture = Annotated[
    str,
    Media(
        "image",
        inline=False,
        formats=("jpg", "jpeg", "png", "webp"),
        max_bytes=10 * MEGABYTE,
        min_side=300,
        max_side=2048,
    ),
    Field(min_length=1),
]
"""A picture: public URL, or an object-storage URI whose filesystem can sign addresses. jpg, png or webp, at
most 10 MB, 300 to 2,048 px a side."""


class VirtualTryOn2(Api2Request):
    """Body of ``POST /solutions/virtual_try_on``: dress a person in a garment."""

    person_image: TryOnPicture = Field(
        description="The person: public address of a jpg, png or webp, at most 10 MB, 300 to 2,048 px a side."
    )
    product_image: TryOnPicture = Field(description="The garment, under the same limits.")
    keep_face: bool | None = Field(None, description="Whether the face stays as it is; true when unset.")
    keep_pose: bool | None = Field(None, description="Whether the pose stays as it is; true when unset.")
    keep_background: bool | None = Field(
        None, description="Whether the background stays as it is; true when unset."
    )
    watermark: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ListedTaskId = None

    contents: ClassVar[dict[str, str]] = {"product_image": "product_image", "person_image": "person_image"}
    settings: ClassVar[tuple[str, ...]] = ("keep_face", "keep_pose", "keep_background")
    options: ClassVar[tuple[str, ...]] = ("callback_url", "external_task_id", "watermark")


VIRTUAL_TRY_ON_2 = Endpoint(
    "/solutions/virtual_try_on", VirtualTryOn2, Result.IMAGES, listable=False, tasks=SOLUTIONS
)
