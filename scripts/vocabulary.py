# SPDX-License-Identifier: Apache-2.0
"""Words that texts of this project do not use, with the words they use: one word for one thing.

``python -m scripts.vocabulary`` lists them in the pages that people write.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from .local_airflow import ROOT

WORDS: Mapping[str, str] = {
    r"pictures?": "image",
    r"sounds|a sound": "audio",
    r"clips?": "video",
    r"(?<!IP )(?<!loopback )(?<!metadata )address(?:es)?": "URL, path or host",
    r"keeps?|kept|keeping": "store, stay or remain",
    r"lands?|landed|landing": "store",
    r"mend(?:s|ed|ing)?": "correct or fix",
    r"beside": "next to, or in addition to",
    r"nobody": "no one, or unknown",
    r"whoever|whosoever": "a reader, a user, anyone who",
    r"tells?|told|telling": "report, state, show or detect",
    r"foretells?|foretold": "estimate",
    r"anew": "again",
    r"takeovers?|take over": "re-attach",
    r"patience|patiently": "timeout or delay",
    r"hush(?:ed)?": "redact",
    r"S00[0-4]": "the name of the document",
}
"""Regular expression of each word to the words to use instead."""

_GENERATED = "<!-- Made by `python -m scripts.generate_reference`"
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)|<!--.*?-->", re.M | re.S)
_PATTERNS = {re.compile(rf"\b(?:{word})\b", re.I): instead for word, instead in WORDS.items()}


def misused(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the words of a text that have a better one.

    :param text: any text.
    :return: line number from 1, the word, and what to use instead.
    """
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, instead in _PATTERNS.items():
            for match in pattern.finditer(line):
                yield number, match[0], instead


def prose(page: str) -> str:
    """Return a Markdown page without code, link targets and generated parts.

    :param page: text of the page.
    :return: the rest, with the same line numbers.
    """
    written = page.partition(_GENERATED)[0]
    return _CODE.sub(lambda match: "\n" * match[0].count("\n"), written)


def pages() -> list[Path]:
    """Return the pages that people write.

    :return: paths, sorted within their folders.
    """
    folders = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "changelog.d").glob("*.md")]
    return [*sorted(ROOT.glob("*.md")), *sorted(folders)]


def problems(page: Path) -> list[str]:
    """Return the words of a page that have a better one.

    :param page: path of the page.
    :return: one line each: the line number, the word, what to use instead.
    """
    found = misused(prose(page.read_text("utf-8")))
    return [f"{number}: {word!r}; use {instead}" for number, word, instead in found]


if __name__ == "__main__":
    lines = [f"{page.relative_to(ROOT)}:{line}" for page in pages() for line in problems(page)]
    print("\n".join(lines) or "No page uses a word of the table.")
    sys.exit(bool(lines))
