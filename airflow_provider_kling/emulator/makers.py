# SPDX-License-Identifier: Apache-2.0
"""From a checked create call to what its job will make."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_kling.api.endpoint import Endpoint, Result

from . import makers_audio, makers_image, makers_video
from .rules import Order
from .work import Bench, Maker, Work

_BY_RESULT: Mapping[Result, Maker] = {
    Result.VIDEOS: makers_video.video,
    Result.IMAGES: makers_image.images,
    Result.AUDIOS: makers_audio.effect,
    Result.VOICES: makers_audio.voice,
    Result.ELEMENTS: makers_audio.element,
}
_BY_SLUG: Mapping[str, Maker] = {**makers_video.BY_SLUG, **makers_image.BY_SLUG, **makers_audio.BY_SLUG}

_JOB_SECONDS: Mapping[Result, float] = {
    Result.VIDEOS: 60.0,
    Result.IMAGES: 24.0,
    Result.AUDIOS: 20.0,
    Result.VOICES: 9.0,
    Result.ELEMENTS: 5.0,
}


def work_of(endpoint: Endpoint, order: Order, bench: Bench) -> Work:
    """Return what a job of the endpoint makes.

    An endpoint without a maker of its own makes what its kind of result usually is.
    """
    maker = _BY_SLUG.get(endpoint.slug) or _BY_RESULT[endpoint.result]
    return maker(order, bench)


def job_seconds(endpoint: Endpoint) -> float:
    """Return how long a job takes at the vendor; a synchronous call has its result at once."""
    return 0.0 if endpoint.synchronous else _JOB_SECONDS.get(endpoint.result, 60.0)
