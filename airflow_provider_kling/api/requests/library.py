# SPDX-License-Identifier: Apache-2.0
"""Requests for the account's voices and elements, each followed by its endpoint.

The deletions are declared like endpoints, so that operators derive their parameters from them too, but are no
part of the registry: there is nothing to submit, to wait for or to look up.
"""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..endpoint import Endpoint, ResultType, kling_page
from .base import KlingObject, KlingRequest
from .field_types import MEGABYTE, CallbackUrl, ExternalTaskId, Id, Image, MediaConstraints, Name20
from .rules import Rule, custom_rule, exactly_one

PRESET_VOICES = "/v1/general/presets-voices"
DELETE_VOICES = "/v1/general/delete-voices"
PRESET_ELEMENTS = "/v1/general/advanced-presets-elements"
DELETE_ELEMENTS = "/v1/general/delete-advanced-elements"

VoiceSample = Annotated[
    str,
    MediaConstraints("audio", inline=False, formats=("mp3", "wav", "mp4", "mov"), seconds=(5, 30)),
    Field(min_length=1),
]
"""Audio or a video: public URL, or an object-storage URI whose filesystem can sign URLs."""

ElementVideo = Annotated[
    str,
    MediaConstraints(
        "video",
        inline=False,
        formats=("mp4", "mov"),
        max_bytes=200 * MEGABYTE,
        min_side=1080,
        max_side=1920,
        seconds=(3, 8),
        ratios=((16, 9), (9, 16)),
    ),
    Field(min_length=1),
]
"""A video: public URL, or an object-storage URI whose filesystem can sign URLs. mp4 or mov, 3 to 8 s,
1080p, 16:9 or 9:16, at most 200 MB."""


class CustomVoice(KlingRequest):
    """Body of ``POST /v1/general/custom-voices``: make a voice from a recording."""

    voice_name: Name20 = Field(description="Name of the voice; at most 20 characters.")
    voice_url: VoiceSample | None = Field(
        None,
        description="Recording: mp3, wav, mp4 or mov, one clear voice, 5 to 30 s. Exactly one of voice_url"
        " and video_id.",
    )
    video_id: Id | None = Field(
        None,
        description="Id of a video of kling-v2-6 with audio, of an avatar or of lip-sync. Exactly one of"
        " voice_url and video_id.",
    )
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("voice_url", "video_id"),)


CUSTOM_VOICES = Endpoint(
    "/v1/general/custom-voices", CustomVoice, ResultType.VOICES, source=kling_page("Custom Voices")
)


class ReferImage(KlingObject):
    """One more image of the subject."""

    image_url: Image = Field(description="The image.")


class ElementImages(KlingObject):
    """The images of a subject."""

    frontal_image: Image = Field(description="The subject from the front.")
    refer_images: Annotated[list[ReferImage], Field(min_length=1, max_length=3)] = Field(
        description="1 to 3 other views {'image_url'}."
    )


class ReferVideo(KlingObject):
    """A video of the subject."""

    video_url: ElementVideo = Field(description="The video.")


class ElementVideos(KlingObject):
    """The video of a subject."""

    refer_videos: Annotated[list[ReferVideo], Field(min_length=1, max_length=1)] = Field(
        description="One video {'video_url'}."
    )


class Tag(KlingObject):
    """A tag of the element library."""

    tag_id: Annotated[str, Field(pattern=r"^o_[0-9]+$")] = Field(description="Id of the tag, such as o_102.")


class CustomElement(KlingRequest):
    """Body of ``POST /v1/general/advanced-custom-elements``: make a subject that other requests can use."""

    element_name: Name20 = Field(description="Name of the element; at most 20 characters.")
    element_description: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="Description of the element; at most 100 characters."
    )
    reference_type: Literal["image_refer", "video_refer"] = Field(
        description="Source of the element: image_refer (element_image_list) or video_refer"
        " (element_video_list)."
    )
    element_image_list: ElementImages | None = Field(
        None,
        description="With image_refer: {'frontal_image', 'refer_images': [{'image_url'}]}; 1 to 3 views.",
    )
    element_video_list: ElementVideos | None = Field(
        None,
        description="With video_refer: {'refer_videos': [{'video_url'}]}, one mp4 or mov of a lifelike"
        " person, 3 to 8 s, 1080p, 16:9 or 9:16, at most 200 MB.",
    )
    element_voice_id: Id | None = Field(None, description="Voice of the element.")
    tag_list: Annotated[list[Tag], Field(min_length=1)] | None = Field(
        None,
        description="Tags {'tag_id'}: o_101 hottest, o_102 character, o_103 animal, o_104 item, o_105"
        " costume, o_106 scene, o_107 effect, o_108 others.",
    )
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        custom_rule(
            "element_image_list",
            "reference_type",
            text="element_image_list must be given when reference_type is image_refer",
            violated=lambda r: r.reference_type == "image_refer" and not r.element_image_list,
        ),
        custom_rule(
            "element_video_list",
            "reference_type",
            text="element_video_list must be given when reference_type is video_refer",
            violated=lambda r: r.reference_type == "video_refer" and not r.element_video_list,
        ),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        custom_rule(
            "element_video_list",
            "reference_type",
            text="element_video_list has no effect when reference_type is image_refer",
            violated=lambda r: r.reference_type == "image_refer" and bool(r.element_video_list),
        ),
    )


CUSTOM_ELEMENTS = Endpoint(
    "/v1/general/advanced-custom-elements",
    CustomElement,
    ResultType.ELEMENTS,
    source=kling_page("Element Management"),
)


class DeleteVoice(KlingRequest):
    """Body of ``POST /v1/general/delete-voices``."""

    voice_id: Id = Field(description="Id of the account's own voice.")


def _element_id_text(request: Any) -> str | None:
    return None if request.element_id.isdecimal() else "element_id must be a whole number"


class DeleteElement(KlingRequest):
    """Body of ``POST /v1/general/delete-advanced-elements``, where the id is a string."""

    element_id: Id = Field(description="Id of the account's own element.")

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(("element_id",), "element_id must be a whole number", _element_id_text),
    )


def _sync_endpoint(path: str, request: type[KlingRequest], result: ResultType) -> Endpoint:
    return Endpoint(path, request, result, synchronous=True, external_id=False, listable=False)


DELETE_VOICE = _sync_endpoint(DELETE_VOICES, DeleteVoice, ResultType.VOICES)
DELETE_ELEMENT = _sync_endpoint(DELETE_ELEMENTS, DeleteElement, ResultType.ELEMENTS)
