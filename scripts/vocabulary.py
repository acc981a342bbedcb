# SPDX-License-Identifier: Apache-2.0
"""Words that this project does not use, with the words to use instead: one word for one thing.

``python -m scripts.vocabulary`` lists them in the pages that people write, in the example DAGs and in the
package.
"""

from __future__ import annotations

import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .local_airflow import EXAMPLES, ROOT

PACKAGE = ROOT / "airflow_provider_kling"


@dataclass(frozen=True, slots=True)
class Word:
    """A word that is not used.

    :param pattern: regular expression of its forms.
    :param instead: what to use instead.
    :param texts: not in pages, docstrings, comments, errors, log lines and descriptions.
    :param names: not as a part of a name in the code.
    """

    pattern: str
    instead: str
    texts: bool = True
    names: bool = True


WORDS = (
    Word(r"pictures?", "image"),
    Word(r"sounds|a sound", "audio", names=False),
    Word(r"sounds?", "audio", texts=False),
    Word(r"clips?", "video"),
    Word(r"(?<!IP )(?<!loopback )(?<!metadata )(?<!no )address(?:es|ed)?", "URL, path or host"),
    Word(r"keeps?|kept|keeping", "store, stay or remain"),
    Word(r"lands?|landed|landing", "store"),
    Word(r"mend(?:s|ed|ing)?", "correct or fix"),
    Word(r"beside", "next to, or in addition to"),
    Word(r"nobody", "no one, or unknown"),
    Word(r"whoever|whosoever", "a reader, a user, anyone who"),
    Word(r"tells?|told|telling", "report, state, show or detect"),
    Word(r"foretells?|foretold", "estimate"),
    Word(r"anew", "again"),
    Word(r"takeovers?|take over", "re-attach"),
    Word(r"patience|patiently", "timeout or delay"),
    Word(r"hush(?:ed)?", "redact"),
    Word(r"S00[0-4]", "the name of the document"),
    Word(r"bench|desk|terms", "context", texts=False),
    Word(r"memory", "state", texts=False),
    Word(r"generation", "clear_count", texts=False),
    Word(r"given", "parameters, values, or user_external_task_id", texts=False),
)

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
    "operators/_priced_length.py": {"address"},
    "results/download.py": {"address"},
    "inputs/resolve.py": {"address"},
    "emulator/media/audio.py": {"clip"},  # of numpy
    # the report's JSON
    "results/sweep.py": {"landed", "kept"},
}
"""Words that are right in a module or folder of the package."""

_GENERATED = "<!-- Made by `python -m scripts.generate_reference`"
_CODE_IN_PAGE = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)|<!--.*?-->", re.M | re.S)
_CODE_IN_TEXT = re.compile(r"``.*?``|:\w+:`.*?`|\{.*?\}", re.S)
_WORDS_OF_A_MESSAGE = 3


def _patterns(words: Iterable[Word]) -> dict[re.Pattern[str], str]:
    return {re.compile(rf"\b(?:{word.pattern})\b", re.I): word.instead for word in words}


_TEXTS = _patterns(word for word in WORDS if word.texts)
_NAMES = _patterns(word for word in WORDS if word.names)


def misused(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the words of a text that have a better one.

    :param text: any text.
    :return: line number from 1, the word, and what to use instead.
    """
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, instead in _TEXTS.items():
            for match in pattern.finditer(line):
                yield number, match[0], instead


def misused_in_name(name: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a name that have a better word.

    :param name: a name in the code.
    :return: the word, and what to use instead.
    """
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("_", " ")
    for pattern, instead in _NAMES.items():
        for match in pattern.finditer(parts):
            yield match[0], instead


def misused_in_module(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the words of a module that have a better one: in names, docstrings, comments and messages.

    :param path: path of the module.
    :return: line number from 1, the word, and what to use instead.
    """
    with path.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            first = token.start[0]
            if token.type == tokenize.NAME and token.string not in ALLOWED_NAMES:
                yield from ((first, word, instead) for word, instead in misused_in_name(token.string))
            elif token.type == tokenize.COMMENT or (
                token.type == tokenize.STRING
                and (token.string.startswith('"""') or len(token.string.split()) >= _WORDS_OF_A_MESSAGE)
            ):
                text = _CODE_IN_TEXT.sub(lambda match: "\n" * match[0].count("\n"), token.string)
                yield from ((first + line - 1, word, instead) for line, word, instead in misused(text))


def prose(page: str) -> str:
    """Return a Markdown page without code, link targets and generated parts.

    :param page: text of the page.
    :return: the rest, with the same line numbers.
    """
    written = page.partition(_GENERATED)[0]
    return _CODE_IN_PAGE.sub(lambda match: "\n" * match[0].count("\n"), written)


def pages() -> list[Path]:
    """Return the pages that people write.

    :return: paths, sorted within their folders.
    """
    docs = ROOT / "docs"
    folders = [*docs.rglob("*.md"), *docs.rglob("*.rst"), *(ROOT / "changelog.d").glob("*.md")]
    return [*sorted(ROOT.glob("*.md")), *sorted(folders)]


def modules() -> list[Path]:
    """Return the modules of the package and the example DAGs, whose docstrings are pages of the site.

    :return: paths, sorted within their folders.
    """
    return [*sorted(PACKAGE.rglob("*.py")), *sorted(EXAMPLES.glob("*.py"))]


def problems(path: Path) -> list[str]:
    """Return the words of a page, an example DAG or a module of the package that have a better one.

    :param path: path of the file.
    :return: one line each: the line number, the word, what to use instead.
    """
    if path.suffix in (".md", ".rst"):
        found = misused(prose(path.read_text("utf-8")))
    elif path.is_relative_to(EXAMPLES):
        found = misused_in_module(path)
    else:
        name = path.relative_to(PACKAGE).as_posix()
        allowed = {
            word
            for place, words in ALLOWED_IN.items()
            if name == place or name.startswith(f"{place}/")
            for word in words
        }
        found = (each for each in misused_in_module(path) if each[1].lower() not in allowed)
    return [f"{number}: {word!r}; use {instead}" for number, word, instead in found]


if __name__ == "__main__":
    lines = [f"{path.relative_to(ROOT)}:{line}" for path in [*pages(), *modules()] for line in problems(path)]
    print("\n".join(lines) or "No page and no module uses a word of the table.")
    sys.exit(bool(lines))
