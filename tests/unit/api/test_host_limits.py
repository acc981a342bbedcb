# SPDX-License-Identifier: Apache-2.0
"""What a single host documents more narrowly warns there, names its source, and nowhere else."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.host_limits import LIMITS, MEDIA_LIMITS, check_host_limits, check_media_limits
from airflow_provider_kling.api.requests.rules import TEMPLATED
from tests.unit.api.cases.common import IMAGE_URL, VIDEO, mask, shots
from tests.unit.api.cases.edit import edit, motion
from tests.unit.api.cases.faces import avatar, face, two_faces, words
from tests.unit.api.cases.generation import CUSTOM, image_case, several, text
from tests.unit.api.cases.images import image, merge
from tests.unit.api.cases.omni import omni

AVATAR = "videos/avatar/image2video"
SOURCE = MEDIA_LIMITS[0].source


class Noted(NamedTuple):
    """A body that a host documents otherwise, and what the note says."""

    slug: str
    dialect: str
    body: dict[str, Any]
    field: str
    text: str
    source: str
    severity: str = "warn"


NOTED = [
    Noted(
        AVATAR, "cometapi", avatar(), "prompt", "CometAPI rejects", "CometAPI documentation, Avatar", "refuse"
    ),
    Noted(
        "videos/text2video",
        "cometapi",
        text(prompt="x" * 501),
        "prompt",
        "501 characters; at most 500",
        "Text to",
    ),
    Noted(
        "videos/text2video", "cometapi", text(negative_prompt="x" * 201), "negative_prompt", "200", "Text to"
    ),
    Noted(
        "videos/text2video",
        "kling",
        text(aspect_ratio="4:3"),
        "aspect_ratio",
        "only 16:9, 9:16 or 1:1",
        "Kling",
    ),
    Noted("videos/text2video", "cometapi", text(duration=7), "duration", "only 5 or 10", "Text to"),
    Noted("videos/text2video", "cometapi", text(mode="4k"), "mode", "only std or pro", "Text to"),
    Noted("images/generations", "cometapi", image(prompt="x" * 501), "prompt", "at most 500", "Image Gen"),
    Noted(
        "images/generations",
        "cometapi",
        image(negative_prompt="x" * 201),
        "negative_prompt",
        "at most 200",
        "Image Gen",
    ),
    Noted(
        "images/generations",
        "cometapi",
        image(aspect_ratio="21:9"),
        "aspect_ratio",
        "only 16:9, 9:16, 1:1, 4:3, 3:4, 3:2 or 2:3",
        "Image Gen",
    ),
    Noted("videos/image2video", "kling", image_case(), "prompt", "needed with kling-v3", "Series 3.0"),
    Noted(
        "videos/image2video",
        "cometapi",
        image_case(prompt="x" * 501),
        "prompt",
        "at most 500",
        "Image to Video",
    ),
    Noted(
        "videos/image2video",
        "cometapi",
        image_case(negative_prompt="x" * 201),
        "negative_prompt",
        "200",
        "Image to Video",
    ),
    Noted(
        "videos/image2video", "cometapi", image_case(duration=7), "duration", "only 5 or 10", "Image to Video"
    ),
    Noted(
        "videos/image2video", "cometapi", image_case(mode="4k"), "mode", "only std or pro", "Image to Video"
    ),
    Noted("videos/multi-image2video", "cometapi", several(1), "image_list", "2 to 4", "Multi-image to Video"),
    Noted(
        "videos/multi-image2video",
        "cometapi",
        several(prompt="x" * 501),
        "prompt",
        "500",
        "Multi-image to Video",
    ),
    Noted(
        "videos/multi-image2video",
        "cometapi",
        several(negative_prompt="x" * 201),
        "negative_prompt",
        "200",
        "Multi-image to Video",
    ),
    Noted(
        "videos/multi-image2video",
        "kling",
        several(cfg_scale=1, dynamic_masks=[mask()]),
        "cfg_scale",
        "cfg_scale and dynamic_masks not documented",
        "Kling",
    ),
    Noted(
        "videos/omni-video",
        "cometapi",
        omni(model_name="kling-v3-omni"),
        "model_name",
        "only kling-video-o1",
        "Omni",
    ),
    Noted(
        "videos/advanced-lip-sync",
        "cometapi",
        face(original_audio_volume=1),
        "face_choose",
        "original_sound_volume",
        "Lip-Sync",
    ),
    Noted(
        "videos/advanced-lip-sync",
        "kling",
        face(original_sound_volume=1),
        "face_choose",
        "original_audio_volume",
        "Kling",
    ),
    Noted(
        "videos/advanced-lip-sync", "kling", two_faces(), "face_choose", "only one person", "Kling", "refuse"
    ),
    *(
        Noted(slug, "kling", body, "model_name", "not of", "Kling", "refuse")
        for slug, body in (
            ("videos/text2video", text(model_name="kling-video-o1")),
            ("videos/image2video", image_case(model_name="kling-v3-omni")),
            ("videos/omni-video", omni(model_name="kling-v3")),
            ("videos/motion-control", motion(model_name="kling-v2-5-turbo")),
            ("images/generations", image(model_name="kling-v3-omni")),
            ("images/omni-image", image(model_name="kling-v3")),
            ("images/multi-image2image", merge(1, model_name="kling-v3")),
        )
    ),
    Noted("videos/avatar", "kling", {"image": IMAGE_URL, "audio_url": VIDEO}, "image", "no path", "Kling"),
    Noted("videos/lip-sync", "kling", words(), "mode", "advanced-lip-sync", "Kling"),
]

QUIET: list[tuple[str, str, dict[str, Any]]] = [
    (AVATAR, "cometapi", avatar(prompt="nods")),
    (AVATAR, "kling", avatar()),
    (AVATAR, "gateway", avatar()),
    ("videos/text2video", "cometapi", text(prompt="x" * 500, negative_prompt="x" * 200, aspect_ratio="4:3")),
    ("videos/text2video", "kling", text(prompt="x" * 2500, aspect_ratio="9:16")),
    ("videos/image2video", "cometapi", image_case(prompt="x" * 500, duration=10, mode="pro")),
    ("videos/image2video", "kling", image_case(prompt="x" * 2500, duration=7, mode="4k")),
    ("videos/image2video", "kling", image_case(**CUSTOM, multi_prompt=shots(5))),
    ("videos/image2video", "kling", image_case(model_name="kling-v2-6")),
    ("videos/image2video", "kling", image_case(model_name="kling-v9")),
    ("videos/text2video", "cometapi", text(model_name="kling-video-o1", duration=10, mode="pro")),
    ("images/generations", "cometapi", image(prompt="x" * 500, aspect_ratio="2:3")),
    ("images/generations", "kling", image(prompt="x" * 2500, aspect_ratio="21:9")),
    # Kling has no model left here: what it says to another one is not known.
    ("videos/multi-image2video", "kling", several(model_name="kling-v3")),
    ("videos/multi-elements", "kling", edit("swap", 1, model_name="kling-v3")),
    ("videos/advanced-lip-sync", "cometapi", two_faces()),
    ("videos/advanced-lip-sync", "gateway", two_faces()),
    ("videos/multi-image2video", "cometapi", several(2, cfg_scale=1)),
    ("videos/multi-image2video", "kling", several(1)),
    ("videos/omni-video", "cometapi", omni()),
    ("videos/advanced-lip-sync", "cometapi", face(original_sound_volume=1)),
    ("videos/advanced-lip-sync", "kling", face(original_audio_volume=1)),
    ("videos/avatar", "gateway", {"image": IMAGE_URL, "audio_url": VIDEO}),
    ("videos/lip-sync", "cometapi", words()),
]


def found(slug: str, dialect: str, body: dict[str, Any]) -> Any:
    return check_host_limits(slug, dialect, ENDPOINTS[slug].request.model_validate(body))


@pytest.mark.parametrize("case", NOTED, ids=lambda case: f"{case.slug}-{case.dialect}-{case.text}")
def test_narrower_limit_is_noted_with_its_source(case: Noted) -> None:
    (note,) = found(case.slug, case.dialect, case.body)
    assert note.field == case.field
    assert case.text in note.text
    assert case.source in note.source
    assert note.source in note.text
    assert note.severity == case.severity


@pytest.mark.parametrize(("slug", "dialect", "body"), QUIET)
def test_no_note_where_the_host_documents_it(slug: str, dialect: str, body: dict[str, Any]) -> None:
    assert found(slug, dialect, body) == []


@pytest.mark.parametrize(
    "limit", LIMITS, ids=lambda limit: f"{limit.endpoint}-{limit.dialect}-{limit.rule.text}"
)
def test_every_limit_has_a_body_that_breaks_it(limit: Any) -> None:
    model = ENDPOINTS[limit.endpoint].request
    bodies = [case.body for case in NOTED if case[:2] == (limit.endpoint, limit.dialect)]
    assert any(limit.rule.violation(model.model_validate(body)) for body in bodies)
    templates = model.model_validate(dict.fromkeys(model.model_fields, TEMPLATED))
    assert check_host_limits(limit.endpoint, limit.dialect, templates) == []


@pytest.mark.parametrize(
    ("seconds", "dialect", "noted"),
    [(60, "cometapi", False), (60.5, "cometapi", True), (1.5, "cometapi", True), (300, "kling", False)],
)
def test_length_of_the_audio_of_an_avatar(seconds: float, dialect: str, noted: bool) -> None:
    text = [note.text for note in check_media_limits(AVATAR, dialect, "sound_file", seconds)]
    assert text == ([f"sound_file lasts {seconds:g} s; 2 to 60 s are documented ({SOURCE})"] if noted else [])
    assert check_media_limits(AVATAR, dialect, "image", seconds) == []
