# SPDX-License-Identifier: Apache-2.0
"""What the vendor's pages say of each endpoint, as data: fields, limits and rules, in the pages' own terms.

Nothing here is derived from the request models: the tables are what the models are compared with.
"""

from __future__ import annotations

from .audio import AUDIO
from .common import Field, Page
from .faces import FACES
from .image import IMAGE
from .solutions import SOLUTIONS
from .video import VIDEO
from .video_v2 import VIDEO_V2

PAGES: tuple[Page, ...] = (*VIDEO, *VIDEO_V2, *FACES, *IMAGE, *AUDIO, *SOLUTIONS)

__all__ = ["PAGES", "Field", "Page"]
