# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of API 2.0 and of virtual try-on, written from the vendor's pages of 2026-09.

A body of ``contents``, ``settings`` and ``options`` is checked as it is, then converted to v1, in which
models, prices and results are declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import invalid_request, invalid_value
from ..media.inputs import IMAGE, MediaLimits
from .rules import COMMON, OMNI_VIDEO, VIDEO_FORMATS, WATERMARK, Body, BodySpec, Media, first_video
from .schema import Check, ValidationState, array, boolean, by_url_only, image, number, object_, string, video

_MODES = {"720p": "std", "1080p": "pro", "4k": "4k"}
_RATIOS = ("16:9", "9:16", "1:1")
_ID = {"id": string()}
_LARGE_IMAGE = image(replace(IMAGE, megabytes=50))
_IMAGE = object_("url", type=string(), url=_LARGE_IMAGE)
_NAMED_IMAGE = object_("url", type=string(), url=_LARGE_IMAGE, **_ID)
_TRY_ON_IMAGE = object_(
    "url",
    type=string(),
    # The page of try-on says "longer than 300 pixels"; all others say "not shorter".
    url=by_url_only(image(MediaLimits((*IMAGE.formats, "webp"), sides=(301, 2048), megabytes=10))),
)
_ELEMENT = object_("element_id", "id", type=string(), element_id=string(), **_ID)
_VOICE = object_("voice_id", "id", type=string(), voice_id=string(), **_ID)
_VIDEO = object_("url", type=string(), url=video(replace(OMNI_VIDEO, ratio=(0.4, 2))), **_ID)
_MOTION_VIDEO = object_(
    "url", type=string(), url=video(MediaLimits(VIDEO_FORMATS, (3, 30), (340, 3850), 100))
)
_OPTIONS = object_(**COMMON, **WATERMARK)
_SHORT_PROMPT = 2500
_SHORT_VIDEO = 10.1
_OLDER = ("kling-2.6", "kling-2.5-turbo")
_MAX_REFERENCES, _MAX_REFERENCES_WITH_VIDEO, _MAX_ELEMENTS_WITH_FRAMES = 7, 4, 3


def _prompt(limit: int) -> Check:
    return object_("text", type=string(), text=string(limit))


def contents(limit: int = 20, /, **types: Check) -> Check:
    """Build the check of an array of objects, each with a ``type``.

    :param limit: greatest number of objects.
    :param types: checks of the objects by type.
    :return: the check.
    """

    def entry(state: ValidationState, field_path: str, value: Any) -> Any:
        if not isinstance(value, dict) or "type" not in value:
            raise invalid_request(f"{field_path}.type is required")
        if value["type"] not in types:
            raise invalid_value(
                f"{field_path}.type value '{value['type']}' is invalid, must be one of {', '.join(types)}"
            )
        return types[value["type"]](state, field_path, value)

    return array(entry, 1, limit)


def _settings(
    *, seconds: bool = True, ratio: bool = True, audio: tuple[str, ...] = (), **more: Check
) -> Check:
    kinds: dict[str, Check] = {"resolution": string(one_of=tuple(_MODES)), **more}
    if seconds:
        kinds["duration"] = number(3, 15, whole=True)
    if ratio:
        kinds["aspect_ratio"] = string(one_of=_RATIOS)
    if audio:
        kinds["audio"] = string(one_of=audio)
    return object_(**kinds)


def of_type(body: Body, kind: str) -> list[Mapping[str, Any]]:
    """Return the contents of one type.

    :param body: the body.
    :param kind: the type.
    :return: the contents.
    """
    return [entry for entry in body.get("contents", ()) if entry["type"] == kind]


def _to_v1_body(body: dict[str, Any], model: str) -> dict[str, Any]:
    settings = body.get("settings", {})
    prompts = [entry["text"] for entry in of_type(body, "prompt")] or [
        body[k] for k in ("prompt",) if k in body
    ]
    videos = [kind for kind in ("feature", "base") if of_type(body, f"{kind}_video")]
    sound = "on" if settings.get("audio") == "native" or model == "kling-3.0-turbo" else "off"
    return {
        **body,
        **settings,
        **body.get("options", {}),
        "model_name": model,
        "mode": _MODES[settings.get("resolution", "720p")],
        "sound": sound,
        "duration": str(settings.get("duration", 5)),
        **({"prompt": prompts[0]} if prompts else {}),
        **({"video_list": [{"refer_type": kind} for kind in videos]} if videos else {}),
        **({"voice_list": of_type(body, "voice")} if of_type(body, "voice") else {}),
    }


def _try_on_body(body: dict[str, Any], model: str) -> dict[str, Any]:
    paths = {entry["type"]: f"contents[{index}].url" for index, entry in enumerate(body["contents"])}
    options = body.get("options", {})
    return {**body, **options, **paths, "watermark_info": options.get("watermark", {})}


def _settings_of_model(body: Body, _: Media) -> str | None:
    """Check that the model supports the settings."""
    model, settings = body["model_name"], body.get("settings", {})
    newest = model in ("kling-3.0", "kling-3.0-omni")
    if settings.get("resolution") == "4k" and not newest:
        return f"settings.resolution value '4k' is not supported by {model}"
    if "multi_shot" in settings and not newest:
        return f"settings.multi_shot is not supported by {model}"
    if "audio" in settings and model in ("kling-3.0-turbo", "kling-2.5-turbo"):
        return f"settings.audio is not supported by {model}"
    if model in _OLDER and settings.get("duration", 5) not in (5, 10):
        return f"settings.duration value '{settings['duration']}' is invalid, must be one of 5, 10"
    return None


def _contents_of_model(body: Body, _: Media) -> str | None:
    """Check that the model supports the contents."""
    model, settings = body["model_name"], body.get("settings", {})
    if of_type(body, "element") and model not in ("kling-3.0", "kling-3.0-omni", "kling-o1"):
        return f"element is not supported by {model}"
    if model in (*_OLDER, "kling-o1") and len(body.get("prompt", "")) > _SHORT_PROMPT:
        return f"prompt length cannot exceed {_SHORT_PROMPT}, got {len(body['prompt'])}"
    needs_1080p = settings.get("audio") == "native" or of_type(body, "last_frame")
    if model in _OLDER and needs_1080p and settings.get("resolution") != "1080p":
        return f"only 1080p is supported by {model} with native audio or a last frame"
    return None


def _prompt_with_a_frame(body: Body, _: Media) -> str | None:
    if body["model_name"] == "kling-3.0-turbo" and len(body.get("prompt", "")) > _SHORT_PROMPT:
        return f"prompt length cannot exceed {_SHORT_PROMPT}, got {len(body['prompt'])}"
    return None


def _frames(body: Body, _: Media) -> str | None:
    if of_type(body, "last_frame") and not of_type(body, "first_frame"):
        return "first_frame is required when last_frame is given"
    if of_type(body, "last_frame") and body["model_name"] == "kling-3.0-turbo":
        return "last_frame is not supported by kling-3.0-turbo"
    if len(of_type(body, "first_frame")) > 1 or len(of_type(body, "last_frame")) > 1:
        return "a frame can be given once"
    return None


def _first_frame(body: Body, _: Media) -> str | None:
    return None if of_type(body, "first_frame") else "first_frame is required"


def _voices(body: Body, _: Media) -> str | None:
    voices = of_type(body, "voice")
    if voices and (body["model_name"] != "kling-2.6" or body.get("audio") != "native"):
        return "voice needs kling-2.6 with audio native"
    return "at most 2 voices can be referenced" if len(voices) > 2 else None  # noqa: PLR2004


def _elements(limit: int) -> Callable[[Body, Media], str | None]:
    return lambda body, _: (
        f"at most {limit} elements can be specified" if len(of_type(body, "element")) > limit else None
    )


def _ids(body: Body, _: Media) -> str | None:
    names = [entry["id"] for entry in body["contents"] if "id" in entry]
    return "contents[].id must not be duplicated" if len(names) > len({*names}) else None


def _omni(body: Body, _: Media) -> str | None:
    base, feature = of_type(body, "base_video"), of_type(body, "feature_video")
    audio, shots = body.get("audio", "off"), body.get("multi_shot")
    if len(base) + len(feature) > 1:
        return "at most one video can be given"
    if base and (of_type(body, "first_frame") or shots or audio == "native"):
        return "base_video supports no frames, no multi_shot and no native audio"
    if feature and (shots is False or audio != "off"):
        return "feature_video needs multi_shot true and audio off"
    references = len(of_type(body, "refer_image")) + len(of_type(body, "element"))
    limit = _MAX_REFERENCES_WITH_VIDEO if base or feature else _MAX_REFERENCES
    if references > limit:
        return f"the number of images and elements cannot exceed {limit} in total"
    if of_type(body, "first_frame") and len(of_type(body, "element")) > _MAX_ELEMENTS_WITH_FRAMES:
        return f"at most {_MAX_ELEMENTS_WITH_FRAMES} elements can be specified with a frame"
    return None


def _o1(body: Body, _: Media) -> str | None:
    if body["model_name"] != "kling-o1":
        return None
    if int(body["duration"]) not in range(3, 11) and not of_type(body, "base_video"):
        return f"settings.duration value '{body['duration']}' is invalid, must be in 3 to 10"
    if body.get("audio") == "native":
        return "audio value 'native' is not supported by kling-o1"
    if of_type(body, "last_frame") and (
        of_type(body, "element") or of_type(body, "refer_image") or of_type(body, "feature_video")
    ):
        return "last_frame is not supported with elements, other images or a video"
    only_frame = {entry["type"] for entry in body["contents"]} <= {"prompt", "first_frame"}
    if only_frame and of_type(body, "first_frame") and body["duration"] not in ("5", "10"):
        return "only 5 or 10 seconds are supported with a first frame alone"
    return None


def _motion(body: Body, media: Media) -> str | None:
    for kind in ("image", "video"):
        if len(of_type(body, kind)) != 1:
            return f"one {kind} is required"
    motion_video = first_video(media)
    too_long = motion_video is not None and motion_video.seconds > _SHORT_VIDEO
    if body["character_orientation"] == "image" and too_long:
        return "the video cannot exceed 10s when character_orientation is image"
    return None


def _one_of_each(body: Body, _: Media) -> str | None:
    types = sorted(entry["type"] for entry in body["contents"])
    return (
        None
        if types == ["person_image", "product_image"]
        else "one product_image and one person_image are required"
    )


_VIDEO_MODELS = ("kling-3.0-turbo", "kling-3.0", "kling-2.6", "kling-2.5-turbo")
_AUDIOS = ("native", "off")

RULES: Mapping[str, BodySpec] = {
    "text-to-video": BodySpec(
        object_(
            "prompt",
            prompt=string(3072),
            settings=_settings(audio=_AUDIOS, multi_shot=boolean()),
            options=_OPTIONS,
        ),
        (_settings_of_model, _contents_of_model),
        models=_VIDEO_MODELS,
        normalize=_to_v1_body,
    ),
    "image-to-video": BodySpec(
        object_(
            "contents",
            contents=contents(
                prompt=_prompt(3072),
                first_frame=_IMAGE,
                last_frame=_IMAGE,
                element=_ELEMENT,
                voice=_VOICE,
            ),
            settings=_settings(ratio=False, audio=_AUDIOS, multi_shot=boolean()),
            options=_OPTIONS,
        ),
        (
            _settings_of_model,
            _contents_of_model,
            _prompt_with_a_frame,
            _first_frame,
            _frames,
            _voices,
            _elements(_MAX_ELEMENTS_WITH_FRAMES),
            _ids,
        ),
        models=_VIDEO_MODELS,
        normalize=_to_v1_body,
    ),
    "omni-video": BodySpec(
        object_(
            "contents",
            contents=contents(
                prompt=_prompt(3072),
                first_frame=_NAMED_IMAGE,
                last_frame=_NAMED_IMAGE,
                refer_image=_NAMED_IMAGE,
                feature_video=_VIDEO,
                base_video=_VIDEO,
                element=_ELEMENT,
            ),
            settings=_settings(audio=("native", "original", "off"), multi_shot=boolean()),
            options=_OPTIONS,
        ),
        (_settings_of_model, _contents_of_model, _frames, _omni, _o1, _ids),
        models=("kling-3.0-omni", "kling-o1"),
        normalize=_to_v1_body,
    ),
    "motion-control": BodySpec(
        object_(
            "contents",
            "settings",
            contents=contents(
                prompt=_prompt(_SHORT_PROMPT), image=_IMAGE, video=_MOTION_VIDEO, element=_ELEMENT
            ),
            settings=_settings(
                seconds=False,
                ratio=False,
                audio=("original", "off"),
                character_orientation=string(one_of=("image", "video")),
            ),
            options=_OPTIONS,
        ),
        (_settings_of_model, _contents_of_model, _motion, _elements(1)),
        models=("kling-3.0", "kling-2.6"),
        normalize=_to_v1_body,
    ),
    "solutions/virtual_try_on": BodySpec(
        object_(
            "contents",
            contents=contents(product_image=_TRY_ON_IMAGE, person_image=_TRY_ON_IMAGE),
            settings=object_(keep_face=boolean(), keep_pose=boolean(), keep_background=boolean()),
            options=object_(**COMMON, watermark=object_(enabled=boolean())),
        ),
        (_one_of_each,),
        normalize=_try_on_body,
    ),
}
