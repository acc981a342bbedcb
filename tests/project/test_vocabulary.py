# SPDX-License-Identifier: Apache-2.0
"""One word for one thing: names, texts, docstrings and comments of the package use its vocabulary.

Each table maps a word that was replaced to the one that is used.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "airflow_provider_kling"

IN_NAMES = {
    "address": "url, or path in a storage",
    "addressed": "with_urls",
    "addresses": "urls",
    "bench": "context",
    "beside": "next_to",
    "clip": "video",
    "clips": "videos",
    "desk": "context",
    "foretell": "report",
    "generation": "clear_count",
    "given": "parameters, values, or user_external_task_id",
    "hush": "redact",
    "keep": "store",
    "kept": "stored",
    "land": "store",
    "landed": "stored",
    "landing": "storing",
    "memory": "state",
    "mend": "fix",
    "picture": "image",
    "pictures": "images",
    "sound": "audio",
    "sounds": "audios",
    "takeover": "reattach",
    "tell": "log, warn or report",
    "terms": "context",
    "told": "reported",
}

IN_TEXTS = {
    "anew": "again",
    "beside": "next to",
    "clip": "video",
    "clips": "videos",
    "foretell": "report",
    "landed": "stored",
    "landing": "storing",
    "mend": "fix",
    "mended": "fixed",
    "nobody": "nothing, or unknown",
    "picture": "image",
    "pictures": "images",
    "takeover": "re-attach",
    "whoever": "the one who",
}

IN_MESSAGES = IN_TEXTS | {
    "address": "URL",
    "addresses": "URLs",
    "kept": "stored",
    "mended": "fixed",
    "sounds": "audio",
    "tell": "find out, or say",
    "tells": "says",
}
"""In texts of three words or more: errors, log lines and descriptions of fields."""

MACHINES = re.compile(r"\b(IP|loopback|no) address\b")

ALLOWED_NAMES = {
    # fields and values of the vendor
    *("sound", "sound_file", "sound_volume", "sound_start_time", "sound_end_time", "sound_insert_time"),
    *("original_sound_volume", "sound_effect_prompt", "keep_original_sound"),
    *("keep_face", "keep_pose", "keep_background"),
    # public names
    *("KlingResultNotKept", "KlingImageGenerationOperator", "ImageGeneration", "IMAGE_GENERATION"),
    # of Python and other libraries
    *("MemoryError", "ip_address", "keep_blank_values", "timeout_keep_alive", "_KEEP_ALIVE_SECONDS"),
}

ALLOWED_IN = {
    # addresses of machines
    "results/ssrf.py": {"address", "addresses"},
    "results/remote_length.py": {"address"},
    "results/download.py": {"address"},
    "emulator/media/audio.py": {"clip"},  # of numpy
    # the ledger's and the report's JSON
    "batch": {"generation"},
    "plugins/serializers.py": {"generation"},
    "plugins/batch_ledger.py": {"generation"},
    "results/sweep_report.py": {"landed", "kept"},
}
"""Words that are right in a module or folder."""


def words_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of each word of the table that a module has."""
    with path.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            if token.type == tokenize.NAME and token.string not in ALLOWED_NAMES:
                for part in re.sub(r"(?<=[a-z])(?=[A-Z])", "_", token.string).lower().split("_"):
                    if part in IN_NAMES:
                        yield token.start[0], part
            elif token.type == tokenize.COMMENT or token.string.startswith('"""'):
                text = re.sub(r"``.*?``|:\w+:`.*?`", "", token.string)
                yield from _in_text(token, text, IN_TEXTS)
            elif token.type == tokenize.STRING and len(token.string.split()) > 2:
                yield from _in_text(
                    token, re.sub(r"\{.*?\}", "", MACHINES.sub("", token.string)), IN_MESSAGES
                )


def _in_text(token: tokenize.TokenInfo, text: str, words: dict[str, str]) -> Iterator[tuple[int, str]]:
    for part in re.findall(r"[a-z]+", text.lower()):
        if part in words:
            yield token.start[0], part


def _allowed(name: str) -> set[str]:
    return set().union(
        *(words for place, words in ALLOWED_IN.items() if name == place or name.startswith(f"{place}/"))
    )


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in PACKAGE.rglob("*.py")}), ids=lambda p: p.name
)
def test_modules_use_the_words_of_the_vocabulary(folder: Path) -> None:
    found = [
        f"{name}:{line}: {word!r}, say {IN_MESSAGES.get(word) or IN_NAMES[word]!r}"
        for path in sorted(folder.glob("*.py"))
        for name in [path.relative_to(PACKAGE).as_posix()]
        for line, word in words_of(path)
        if word not in _allowed(name)
    ]
    assert not found, "\n".join(found)


def test_what_is_allowed_exists() -> None:
    assert [place for place in ALLOWED_IN if not (PACKAGE / place).exists()] == []


def test_words_are_found_in_names_and_texts(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '''"""A picture, ``picture``."""\nclipPicture = sound_file = 1  # beside\nx = "picture"\n'''
        'y = "the address of a film"; z = f"an IP address {address}"\n'
    )
    found = [(1, "picture"), (2, "clip"), (2, "picture"), (2, "beside"), (4, "address")]
    assert list(words_of(module)) == found
