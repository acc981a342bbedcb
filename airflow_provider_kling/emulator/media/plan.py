# SPDX-License-Identifier: Apache-2.0
"""From a checked create call to what its job will make."""

from __future__ import annotations

from collections.abc import Mapping

from ...api.endpoint import Endpoint, ResultType
from ..spec.validation import ValidatedBody
from . import plan_audio, plan_image, plan_solutions, plan_video
from .plan_context import Plan, PlanContext, Planner

_BY_RESULT: Mapping[ResultType, Planner] = {
    ResultType.VIDEOS: plan_video.video,
    ResultType.IMAGES: plan_image.images,
    ResultType.AUDIOS: plan_audio.effect,
    ResultType.VOICES: plan_audio.voice,
    ResultType.ELEMENTS: plan_audio.element,
}
_BY_SLUG: Mapping[str, Planner] = {
    **plan_video.BY_SLUG,
    **plan_image.BY_SLUG,
    **plan_audio.BY_SLUG,
    **plan_solutions.BY_SLUG,
}

_JOB_SECONDS: Mapping[ResultType, float] = {
    ResultType.VIDEOS: 60.0,
    ResultType.IMAGES: 24.0,
    ResultType.AUDIOS: 20.0,
    ResultType.VOICES: 9.0,
    ResultType.ELEMENTS: 5.0,
}


def plan_task(endpoint: Endpoint, validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan the result of a job.

    An endpoint without a planner of its own gets what its kind of result usually is.

    :param endpoint: the endpoint.
    :param validated: the validated body.
    :param context: facts about the job.
    :return: the plan.
    """
    maker = _BY_SLUG.get(endpoint.slug) or _BY_RESULT[endpoint.result]
    return maker(validated, context)


def job_seconds(endpoint: Endpoint) -> float:
    """Return how long a job takes at the vendor; a synchronous call has its result at once.

    :param endpoint: the endpoint.
    :return: seconds.
    """
    return 0.0 if endpoint.synchronous else _JOB_SECONDS.get(endpoint.result, 60.0)
