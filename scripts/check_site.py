# SPDX-License-Identifier: Apache-2.0
"""Check the links inside a built site, without the network: ``python -m scripts.check_site FOLDER``."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """Links and anchors of one page.

    :param text: HTML of the page.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to, and what it can be referred to by."""
        for name, value in attrs:
            if value and name in ("href", "src"):
                self.links.add(value)
            elif value and name in ("id", "name"):
                self.anchors.add(value)


def broken_links(site: Path) -> list[str]:
    """Return the links that lead nowhere within the site.

    :param site: folder of the built site.
    :return: one line each: the page and the link.
    """
    pages = {file.resolve(): Page(file.read_text("utf-8")) for file in sorted(site.rglob("*.html"))}
    broken = []
    for file, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_relative_to(site.resolve()):
                continue  # another version of the site
            anchors = pages[target].anchors if target in pages else {unquote(parts.fragment)}
            if not target.exists() or unquote(parts.fragment) not in anchors:
                broken.append(f"{file.relative_to(site.resolve())}: {link}")
    return broken


def outside_loads(site: Path) -> list[str]:
    """Return what pages load from other hosts: a reader behind a proxy would wait for it.

    :param site: folder of the built site.
    :return: one line each: the page and what it loads.
    """
    marks = ('src="http', 'src="//', "@import", 'rel="stylesheet" href="http')
    return [
        f"{file.relative_to(site)}: {line.strip()[:200]}"
        for file in sorted(site.rglob("*.html"))
        for line in file.read_text("utf-8").splitlines()
        if any(mark in line for mark in marks) and "<span" not in line
    ]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    problems = broken_links(folder) + outside_loads(folder)
    print("\n".join(problems) or f"All links of {folder} lead somewhere.")
    sys.exit(bool(problems))
