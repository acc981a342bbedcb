# SPDX-License-Identifier: Apache-2.0
"""Estimate what a request costs in units, from the vendor's dated price list.

Units are those of the resource packages: video and image packages have units of their own. Gateways
charge their own prices. All amounts are exact decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

from .endpoint import Endpoint
from .models import V2_TO_V1_NAMES, is_known_model
from .task import KlingTask, TaskStatus

PRICES_OF = "2026-09"
"""Month of the vendor's price list that the table follows."""

USD_PER_UNIT: Mapping[str, Decimal] = {"video": Decimal("0.14"), "image": Decimal("0.0035")}
"""List price of one unit of each kind of package, in US dollars."""

_MAX_UNITS = Decimal(10**12)
_MIN_EXPONENT = -100
_SMALL_USD = Decimal("0.1")

Duration = Decimal | int | None
_Prices = Mapping[str, Decimal]


def _prices(**by_mode: str) -> _Prices:
    return {mode.removeprefix("_"): Decimal(price) for mode, price in by_mode.items()}


_PER_SECOND: Mapping[tuple[str, str], _Prices] = {
    ("kling-v3", "silent"): _prices(std="0.6", pro="0.8", _4k="3.0"),
    ("kling-v3", "sound"): _prices(std="0.9", pro="1.2", _4k="3.0"),
    ("kling-v3", "motion"): _prices(std="0.9", pro="1.2"),
    ("kling-v3-omni", "silent"): _prices(std="0.6", pro="0.8", _4k="3.0"),
    ("kling-v3-omni", "sound"): _prices(std="0.8", pro="1.0", _4k="3.0"),
    ("kling-v3-omni", "video"): _prices(std="0.9", pro="1.2", _4k="3.0"),
    ("kling-video-o1", "silent"): _prices(std="0.6", pro="0.8"),
    ("kling-video-o1", "video"): _prices(std="0.9", pro="1.2"),
    ("kling-v2-6", "silent"): _prices(std="0.3", pro="0.5"),
    ("kling-v2-6", "sound"): _prices(pro="1.0"),
    ("kling-v2-6", "voice"): _prices(pro="1.2"),
    ("kling-v2-6", "motion"): _prices(std="0.5", pro="0.8"),
    ("kling-v2-5-turbo", "silent"): _prices(std="0.3", pro="0.5"),
    ("kling-3.0-turbo", "sound"): _prices(std="0.8", pro="1.0"),
    ("avatar", "sound"): _prices(std="0.4", pro="0.8"),
}
"""Model and what the video holds, to mode, to video units a second."""

_OLDER = _prices(std="0.4", pro="0.7")
_MASTER = _prices(std="2.0")

_RETIRED_BY_SECOND: Mapping[str, _Prices] = {
    "kling-v1": _prices(std="0.2", pro="0.7"),
    "kling-v1-5": _OLDER,
    "kling-v1-6": _OLDER,
    "kling-v2-1": _OLDER,
    "kling-v2-master": _MASTER,
    "kling-v2-1-master": _MASTER,
}
"""Retired model to mode to video units a second; they were sold by videos of 5 or 10 s."""

_MULTI_ELEMENTS = _prices(std="0.6", pro="1.0")

_PER_CALL: Mapping[str, Decimal] = {
    "videos/identify-face": Decimal("0.05"),
    "videos/image-recognize": Decimal("0.1"),
    "audio/tts": Decimal("0.05"),
    "audio/text-to-audio": Decimal("0.25"),
    "audio/video-to-audio": Decimal("0.25"),
    "general/custom-voices": Decimal("0.05"),
    "general/advanced-custom-elements": Decimal(0),
    "general/ai-multi-shot": Decimal(20),
}
"""Endpoint to units a call."""

_LIP_SYNC = Decimal("0.5")
_LIP_SYNC_SECONDS = 5

_EXPANDED_IMAGE = Decimal(8)
_MERGED_IMAGE = Decimal(16)


def amount_of(value: Any) -> Decimal | None:
    """Read an amount of units as a server writes it.

    :param value: a number or text.
    :return: the amount; ``None`` for what is no finite number of 0 or more, for that says nothing.
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        text = str(value).strip()
        # Decimal also reads separators and the digits of other scripts, which no server writes as an amount.
        amount = Decimal(text if text.isascii() and "_" not in text else "")
    except (InvalidOperation, ValueError):
        return None
    if not amount.is_finite() or not 0 <= amount <= _MAX_UNITS:
        return None
    # Neither sums nor texts can be made of a number of a million digits, before or after the point.
    exponent = amount.as_tuple().exponent
    return amount if isinstance(exponent, int) and exponent >= _MIN_EXPONENT else None


def unit_type(endpoint: Endpoint) -> Literal["video", "image"]:
    """Return the type of resource pack whose units an endpoint consumes.

    :param endpoint: the endpoint.
    :return: the type.
    """
    images = ("images/", "general/ai-multi-shot", "solutions/virtual_try_on")
    return "image" if endpoint.slug.startswith(images) else "video"


def units_to_usd(endpoint: Endpoint, units: Decimal) -> Decimal:
    """Return what units are worth by the vendor's list price.

    :param endpoint: the endpoint that takes the units, which decides the kind of package.
    :param units: an amount of units.
    :return: US dollars, exact.
    """
    return units * USD_PER_UNIT[unit_type(endpoint)]


def charged_units(endpoint: Endpoint, task: KlingTask, currency: str | None) -> Decimal | None:
    """Return what a job that has ended was charged in units and cash together, in units.

    :param endpoint: endpoint that made the job, which decides the kind of units.
    :param task: the job.
    :param currency: currency of cash that names none.
    :return: units; ``None`` if the charge or a part of it is unknown.
    """
    if amount_of(task.units) is None and not task.charges and task.status is TaskStatus.FAILED:
        # Kling is not known to charge such jobs.
        return Decimal(0)
    return sum_in_units(endpoint, task.units, task.charges, currency)


def sum_in_units(
    endpoint: Endpoint, units: Any, charges: Iterable[Mapping[str, Any]], currency: str | None
) -> Decimal | None:
    """Add charges in units and cash.

    Cash counts by its list price, for the amount may be discounted.

    :param endpoint: endpoint that made the job, which decides the kind of units.
    :param units: the charge in units, as a server writes it.
    :param charges: the charges, as in a result.
    :param currency: currency of cash that names none.
    :return: units; ``None`` if a part is unknown.
    """
    known = amount_of(units)
    for row in charges:
        if amount_of(row.get("amount")) is None:
            return None
        if row.get("type") == "cash":
            listed = amount_of(row.get("list_price"))
            # A list price of 0 says nothing, and what is unknown must not count as free.
            if not listed or (row.get("currency") or currency) != "USD":
                return None
            known = (known or Decimal(0)) + listed / USD_PER_UNIT[unit_type(endpoint)]
    return known


def format_usd(amount: Decimal) -> str:
    """Write an amount of US dollars for people.

    :param amount: US dollars.
    :return: such as ``$0.42``; below 10 cents with four places.
    """
    places = Decimal("0.01") if amount >= _SMALL_USD or not amount else Decimal("0.0001")
    return f"${amount.quantize(places)}"


def length_source(endpoint: Endpoint) -> Literal["audio", "video"] | None:
    """Name the kind of input whose length decides the price of an endpoint's jobs.

    :param endpoint: where the request goes.
    :return: ``None`` where the price does not go by the length of an input.
    """
    by_request = _BY_REQUEST.get(endpoint.slug)
    return None if by_request is None else _LENGTH_SOURCES.get(by_request)


def estimate_basis(endpoint: Endpoint) -> str:
    """Describe what the estimate for an endpoint is based on.

    :param endpoint: the endpoint.
    :return: the basis in words, or ``unknown`` if there is no estimate.
    """
    if endpoint.slug in _PER_CALL:
        return f"{_PER_CALL[endpoint.slug]} a call"
    by_request = _BY_REQUEST.get(endpoint.slug)
    return _BASIS[by_request] if by_request else "unknown"


def estimate(endpoint: Endpoint, request: Any, *, seconds: Duration = None) -> Decimal | None:
    """Estimate what a request will cost.

    :param endpoint: where the request goes.
    :param request: the request, with all templates rendered.
    :param seconds: length of the sound or video that decides the length of the result, where the caller
        knows it: of an avatar's sound, of a video to edit, imitate or speak.
    :return: units of the kind :func:`unit_type` names; ``None`` when it cannot be known.
    """
    slug = endpoint.slug
    if slug in _PER_CALL:
        return _PER_CALL[slug]
    if (name := getattr(request, "model_name", None)) is not None and not is_known_model(name):
        return None
    by_request = _BY_REQUEST.get(slug)
    return by_request(request, seconds) if by_request else None


def _video_estimate(request: Any, seconds: Duration) -> Decimal | None:
    name, mode = request.model_name, request.mode or "std"
    if name in _RETIRED_BY_SECOND:
        price = _RETIRED_BY_SECOND[name].get(mode)
    else:
        price = _PER_SECOND.get((name, _audio_mode(request)), {}).get(mode)
    return None if price is None else price * int(request.duration or 5)


def _audio_mode(request: Any) -> str:
    if request.sound != "on":
        return "silent"
    # The dearer price holds only where the prompt has a voice speak.
    return "voice" if request.voice_list and "<<<voice_" in (request.prompt or "") else "sound"


def _multi_image(request: Any, seconds: Duration) -> Decimal | None:
    price = _RETIRED_BY_SECOND.get(request.model_name, {}).get(request.mode or "std")
    return None if price is None else price * int(request.duration or 5)


def _multi_elements(request: Any, seconds: Duration) -> Decimal | None:
    return _MULTI_ELEMENTS[request.mode or "std"] * int(request.duration or 5)


def _omni_video(request: Any, seconds: Duration) -> Decimal | None:
    edited = any(item.refer_type != "feature" for item in request.video_list or ())
    content = "video" if request.video_list else "sound" if request.sound == "on" else "silent"
    price = _PER_SECOND.get((request.model_name, content), {}).get(request.mode or "pro")
    return _multiply(price, seconds if edited else int(request.duration or 5))


def _motion_control(request: Any, seconds: Duration) -> Decimal | None:
    return _multiply(_PER_SECOND.get((request.model_name, "motion"), {}).get(request.mode), seconds)


_MODE_OF = {"720p": "std", "1080p": "pro", "4k": "4k"}


def _v2_price(request: Any, content: str) -> Decimal | None:
    model = V2_TO_V1_NAMES.get(request.model_name) or request.model_name
    # What kling-3.0-turbo makes always has sound.
    content = "sound" if model == "kling-3.0-turbo" else content
    return _PER_SECOND.get((model, content), {}).get(_MODE_OF[request.resolution or "720p"])


def _video_v2_estimate(request: Any, seconds: Duration) -> Decimal | None:
    content = "sound" if request.audio == "native" else "silent"
    if content == "sound" and getattr(request, "voices", None) and "@" in (request.prompt or ""):
        content = "voice"
    return _multiply(_v2_price(request, content), request.duration or 5)


def _omni_video_v2(request: Any, seconds: Duration) -> Decimal | None:
    content = "video" if request.feature_video or request.base_video else "silent"
    if request.audio == "native":
        content = "sound"
    return _multiply(_v2_price(request, content), seconds if request.base_video else request.duration or 5)


def _motion_v2(request: Any, seconds: Duration) -> Decimal | None:
    return _multiply(_v2_price(request, "motion"), seconds)


def _avatar(request: Any, seconds: Duration) -> Decimal | None:
    return _multiply(_PER_SECOND["avatar", "sound"][request.mode or "std"], seconds)


def _lip_sync(request: Any, seconds: Duration) -> Decimal | None:
    if seconds is None:
        return None
    return _LIP_SYNC * (Decimal(seconds) / _LIP_SYNC_SECONDS).to_integral_value(ROUND_CEILING)


def _advanced_lip_sync(request: Any, seconds: Duration) -> Decimal | None:
    # Only what is cut out of the sound is spoken, however long the file is.
    longest_cut_ms = max(
        int(face.sound_end_time) - int(face.sound_start_time) for face in request.face_choose
    )
    spoken = Decimal(longest_cut_ms) / 1000
    return _lip_sync(request, spoken if seconds is None else min(spoken, Decimal(seconds)))


def _multiply(price: Decimal | None, seconds: Duration) -> Decimal | None:
    if price is None or seconds is None:
        return None
    return price * Decimal(seconds).to_integral_value(ROUND_HALF_UP)


def _generated_images(request: Any, seconds: Duration) -> Decimal | None:
    prices = {"kling-v3": (8, 8), "kling-v2-1": (4, 8)}.get(request.model_name)
    return None if prices is None else Decimal(prices[bool(request.image)]) * (request.n or 1)


def _omni_images(request: Any, seconds: Duration) -> Decimal | None:
    if request.model_name not in ("kling-v3-omni", "kling-image-o1"):
        return None
    count = request.n or 1
    if request.result_type == "series":
        count = request.series_amount or 4
    return None if count == "auto" else Decimal(16 if request.resolution == "4k" else 8) * count


def _merged_images(request: Any, seconds: Duration) -> Decimal | None:
    return _MERGED_IMAGE * (request.n or 1) if request.model_name == "kling-v2-1" else None


def _expanded_images(request: Any, seconds: Duration) -> Decimal | None:
    return _EXPANDED_IMAGE * (request.n or 1)


_BY_REQUEST: Mapping[str, Callable[[Any, Duration], Decimal | None]] = {
    "videos/text2video": _video_estimate,
    "videos/image2video": _video_estimate,
    "videos/multi-image2video": _multi_image,
    "videos/multi-elements": _multi_elements,
    "videos/omni-video": _omni_video,
    "videos/motion-control": _motion_control,
    "videos/avatar/image2video": _avatar,
    "videos/lip-sync": _lip_sync,
    "videos/advanced-lip-sync": _advanced_lip_sync,
    "text-to-video": _video_v2_estimate,
    "image-to-video": _video_v2_estimate,
    "omni-video": _omni_video_v2,
    "motion-control": _motion_v2,
    "images/generations": _generated_images,
    "images/omni-image": _omni_images,
    "images/multi-image2image": _merged_images,
    "images/editing/expand": _expanded_images,
}
"""How the estimate of each endpoint is made; the price of effects, extension and solutions is not known."""

_LENGTH_SOURCES: Mapping[Callable[[Any, Duration], Decimal | None], Literal["audio", "video"]] = {
    _avatar: "audio",
    _lip_sync: "audio",
    _advanced_lip_sync: "audio",
    _omni_video: "video",
    _omni_video_v2: "video",
    _motion_control: "video",
    _motion_v2: "video",
}

_BASIS: Mapping[Callable[[Any, Duration], Decimal | None], str] = {
    _video_estimate: "model, mode, sound, duration",
    _multi_image: "mode, duration",
    _multi_elements: "mode, duration",
    _omni_video: "model, mode, sound, duration; with a video to edit its length",
    _motion_control: "model, mode, length of the video",
    _video_v2_estimate: "model, resolution, audio, duration",
    _omni_video_v2: "model, resolution, audio, duration; with a video to edit its length",
    _motion_v2: "model, resolution, length of the video",
    _avatar: "mode, length of the audio",
    _lip_sync: "length of the audio",
    _advanced_lip_sync: "length of the audio that is cut out",
    _generated_images: "model, number of images",
    _omni_images: "resolution, number of images",
    _merged_images: "number of images",
    _expanded_images: "number of images",
}
