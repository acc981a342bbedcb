# SPDX-License-Identifier: Apache-2.0
"""What the requests of the vendor's API 2.0 have in common.

There the model stands in the path, and the body has three parts: ``contents`` (what is worked with),
``settings`` (what comes out) and ``options``. Here all fields are flat, as they are in v1; they are folded
into that shape when they are sent.
"""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from .base import KlingObject, KlingRequest
from .field_types import IMAGE, MEGABYTE, ExternalTaskId, Id, MediaConstraints, ModelName, StripDataUri
from .rules import Rule, custom_rule

TASKS = "/tasks"
"""Where the tasks of all requests of API 2.0 are queried."""

_SECTIONS = ("contents", "settings", "options")

LargeImage = Annotated[
    str,
    MediaConstraints(
        "image", formats=IMAGE.formats, max_bytes=50 * MEGABYTE, min_side=300, ratio=IMAGE.ratio
    ),
    Field(min_length=1),
    StripDataUri,
]
"""An image: URL, base64, ``data:`` URI, local path or object-storage URI. jpg or png, at most 50 MB,
at least 300 px per side, aspect ratio 1:2.5 to 2.5:1."""

LongPrompt = Annotated[str, Field(min_length=1, max_length=3072)]
"""What to make, in words; at most 3,072 characters."""

PathModel = Annotated[ModelName, Field(pattern=r"^[A-Za-z0-9._-]+$")]
"""A model's name, which becomes a part of the path."""


def to_int(value: Any) -> Any:
    """Convert a whole number that is written as text or with decimals.

    :param value: value of the field.
    :return: an ``int`` if it is a whole number, else the value.
    """
    # API 2.0 wants 5; v1 wanted "5", and a template gives text.
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole or (isinstance(value, str) and value.isdecimal()) else value


def parse_audio(value: Any) -> Any:
    """Convert what YAML makes of a bare ``off``.

    :param value: value of the field.
    :return: ``"off"`` for ``False``, else the value.
    """
    return "off" if value is False else value


Duration = Annotated[
    Annotated[int, BeforeValidator(to_int), Field(ge=3, le=15)] | None,
    Field(
        description="Length of the video in whole seconds, 3 to 15; 5 when unset. 2.x models accept 5 or 10."
    ),
]
Resolution = Annotated[
    Literal["720p", "1080p", "4k"] | None,
    Field(description="Size of the video; 720p when unset. 4k: kling-3.0 and kling-3.0-omni."),
]
NativeAudio = Annotated[
    Annotated[Literal["native", "off"], BeforeValidator(parse_audio)] | None,
    Field(
        description="native: the video has audio; off when unset. kling-3.0 and kling-2.6 (1080p only);"
        " kling-3.0-turbo always has audio."
    ),
]
OriginalAudio = Annotated[
    Annotated[Literal["native", "original", "off"], BeforeValidator(parse_audio)] | None,
    Field(description="native: the video has its own audio; original: that of base_video; off when unset."),
]
MultiShot = Annotated[
    bool | None,
    Field(
        description="False: always one shot, even if the prompt describes several; true when unset."
        " kling-3.0, kling-3.0-omni."
    ),
]


CommaFreeTaskId = Annotated[ExternalTaskId, Field(pattern=r"^[^,]*$")]
"""As everywhere, but without commas: ids are asked for as a list."""


class NamedImage(KlingObject):
    """An image that the prompt can name."""

    url: LargeImage = Field(description="The image.")
    id: Id | None = Field(None, description="Name for the prompt, which refers to it as @name.")


class NamedElement(KlingObject):
    """A subject of the element library that the prompt can name."""

    element_id: Id = Field(description="Id of the element.")
    id: Id = Field(description="Name for the prompt, which refers to it as @name.")


class NamedVoice(KlingObject):
    """A voice that the prompt can name."""

    voice_id: Id = Field(description="Id of a voice of the account or of Kling's catalogue.")
    id: Id = Field(description="Name for the prompt, which refers to it as @name.")


class V2Request(KlingRequest):
    """A request of API 2.0, with flat fields.

    A subclass declares fields and which part of the body each belongs to; what it does not name stays at the
    top.

    :cvar contents: field to the ``type`` of its entries in ``contents``, in the order in which they are sent.
    :cvar plain: ``type`` of an entry that is given as text to the key that holds it; ``url`` for all others.
    :cvar settings: fields that stand in ``settings``.
    :cvar options: fields that stand in ``options``.
    """

    contents: ClassVar[Mapping[str, str]] = {}
    plain: ClassVar[Mapping[str, str]] = {"prompt": "text"}
    settings: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[str, ...]] = ("callback_url", "external_task_id", "watermark_info")

    @classmethod
    def to_body(cls, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON that is sent: ``contents``, ``settings`` and ``options``.

        :param body: JSON of the request's fields.
        :return: the JSON body.
        """
        top = dict(body)
        parts: dict[str, Any] = {
            "contents": [
                entry
                for name, kind in cls.contents.items()
                for entry in _content_entries(kind, top.pop(name, None), cls.plain.get(kind, "url"))
            ],
            "settings": {name: top.pop(name) for name in cls.settings if name in top},
            "options": {name: top.pop(name) for name in cls.options if name in top},
        }
        # What extra_body adds to a part stands next to the fields.
        for name in _SECTIONS:
            part, more = parts[name], top.pop(name, None)
            if isinstance(part, list):
                parts[name] = [*part, *(more or ())]
            elif more:
                parts[name] = {**part, **more}
        return {**top, **{name: part for name, part in parts.items() if part}}


def _content_entries(kind: str, value: Any, key: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if isinstance(value, list):
        return [entry for item in value for entry in _content_entries(kind, item, key)]
    if isinstance(value, str):
        return [{"type": kind, key: value}]
    return [{"type": kind, **value}]


def unique_names(*fields: str) -> Rule:
    """Build the rule that no two entries of some fields have the same ``id``.

    :param fields: the fields.
    :return: the rule.
    """

    def violated(request: Any) -> bool:
        values = [getattr(request, name) for name in fields]
        entries = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
        names = [name for entry in entries if (name := getattr(entry, "id", None))]
        return len(names) > len({*names})

    text = "each id must be unique, because the prompt refers to its inputs by id"
    return custom_rule(*fields, text=text, violated=violated)
