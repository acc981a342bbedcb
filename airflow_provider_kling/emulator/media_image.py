# SPDX-License-Identifier: Apache-2.0
"""Pictures as the emulator draws them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from .media_input import Picture


def cover(picture: Picture, width: int, height: int) -> Image.Image:
    """Return the picture filling a frame of the given size, its middle kept."""
    if picture.file is None:
        return placeholder(picture.digest, width, height)
    with Image.open(picture.file) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        return ImageOps.fit(upright, (width, height), Image.Resampling.BILINEAR)


def placeholder(digest: str, width: int, height: int) -> Image.Image:
    """Draw a picture that depends on the digest alone: two colours and a disc."""
    seed = bytes.fromhex(digest[:32])
    across = np.linspace(0.0, 1.0, width)[None, :, None]
    down = np.linspace(0.0, 1.0, height)[:, None, None]
    one, two = (np.array(list(seed[start : start + 3]), float) for start in (0, 3))
    pixels = one * (1 - (across + down) / 2) + two * (across + down) / 2
    image = Image.fromarray(pixels.astype(np.uint8), "RGB")
    radius = min(width, height) // 4
    x = radius + (width - 2 * radius) * seed[6] // 255
    y = radius + (height - 2 * radius) * seed[7] // 255
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=tuple(seed[8:11]))
    return image


def mark(image: Image.Image) -> Image.Image:
    """Return the picture with a visible watermark in its lower right corner."""
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    size = max(12, image.height // 16)
    place = (image.width - size // 2, image.height - size // 2)
    draw.text(place, "KlingAI emulator", fill=(255, 255, 255), anchor="rs", font_size=size, stroke_width=1)
    return marked
