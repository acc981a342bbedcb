# SPDX-License-Identifier: Apache-2.0
"""Draws and renders images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from .specs import ImageInfo, ImageSpec

_CHANNELS = ((0, 1, 2), (1, 2, 0), (2, 0, 1))


def render(spec: ImageSpec, target: Path) -> None:
    """Write an image file; the same spec always gives the same bytes.

    :param spec: what to write.
    :param target: path of the file.
    """
    size = (spec.width, spec.height)
    image = _expanded(spec.image, size, spec.margins) if spec.margins else crop_to_fill(spec.image, *size)
    image = tint_variant(image, spec.variant)
    if spec.inset:
        small = crop_to_fill(spec.inset, spec.width // 3, spec.height // 3)
        image.paste(small, (spec.width // 3, spec.height // 2))
    if spec.mask:
        image = image.convert("L").point(lambda value: 255 if value > 127 else 0)  # noqa: PLR2004 - half of 255
    if spec.watermarked:
        image = draw_watermark(image)
    image.save(target, "PNG", compress_level=1)


def crop_to_fill(source: ImageInfo, width: int, height: int) -> Image.Image:
    """Return the middle of an image, scaled to fill a frame.

    :param source: the image.
    :param width: width of the frame in pixels.
    :param height: height of the frame in pixels.
    :return: the cropped image.
    """
    if source.file is None:
        return _placeholder(source.digest, width, height)
    with Image.open(source.file) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        return ImageOps.fit(upright, (width, height), Image.Resampling.BILINEAR)


def tint_variant(image: Image.Image, variant: int) -> Image.Image:
    """Return an image with other colours or mirrored.

    :param image: the image.
    :param variant: number of the variant; 0 is the image itself.
    :return: the variant.
    """
    bands = image.split()
    image = Image.merge("RGB", [bands[channel] for channel in _CHANNELS[variant % 3]])
    return ImageOps.mirror(image) if variant // 3 % 2 else image


def draw_watermark(image: Image.Image) -> Image.Image:
    """Return an image with a visible watermark in its lower right corner.

    :param image: the image.
    :return: a copy with the watermark.
    """
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    size = max(12, image.height // 16)
    place = (image.width - size // 2, image.height - size // 2)
    draw.text(place, "KlingAI emulator", fill=(255, 255, 255), anchor="rs", font_size=size, stroke_width=1)
    return marked


def emulated_label(height: int) -> Image.Image:
    """Return a label for the corner of a video, which marks it as not real.

    :param height: height of the video.
    :return: image with alpha.
    """
    size = max(6, height // 28)
    text = "emulated, not made by Kling"
    _, _, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), text, font_size=size)
    label = Image.new("RGBA", (round(right) + size, round(bottom) + size), (0, 0, 0, 150))
    ImageDraw.Draw(label).text((size // 2, size // 2), text, fill=(255, 255, 255, 255), font_size=size)
    return label


def _placeholder(digest: str, width: int, height: int) -> Image.Image:
    """Draw an image that depends on the digest alone: two colours and a disc."""
    seed = bytes.fromhex(digest[:32])
    across = np.linspace(0.0, 1.0, width)[None, :, None]
    down = np.linspace(0.0, 1.0, height)[:, None, None]
    one, two = (np.array(list(seed[start : start + 3]), float) for start in (0, 3))
    pixels = one * (1 - (across + down) / 2) + two * (across + down) / 2
    image = Image.fromarray(pixels.astype(np.uint8))
    radius = min(width, height) // 4
    x = radius + (width - 2 * radius) * seed[6] // 255
    y = radius + (height - 2 * radius) * seed[7] // 255
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=tuple(seed[8:11]))
    return image


def _expanded(
    source: ImageInfo, size: tuple[int, int], margins: tuple[float, float, float, float]
) -> Image.Image:
    """Return the image inside a larger one that shows its own blurred, dark copy around it."""
    up, down, left, right = margins
    width, height = size[0] / (1 + left + right), size[1] / (1 + up + down)
    image = (
        crop_to_fill(source, *size).reduce(8).resize(size, Image.Resampling.BILINEAR).point(lambda v: v // 2)
    )
    inner = crop_to_fill(source, max(1, round(width)), max(1, round(height)))
    image.paste(inner, (round(width * left), round(height * up)))
    return image
