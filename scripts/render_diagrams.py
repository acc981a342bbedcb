# SPDX-License-Identifier: Apache-2.0
"""Draw the Mermaid texts of the pages as SVG files: ``python -m scripts.render_diagrams MERMAID_JS``."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from scripts.local_airflow import ROOT

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```mermaid\n(.*?)^```", re.M | re.S)
# Text as SVG text, not as HTML: an <img> shows no HTML in an SVG in every browser.
SETTINGS = """{
    startOnLoad: false, htmlLabels: false, theme: 'neutral', fontFamily: 'sans-serif',
    flowchart: {htmlLabels: false}, deterministicIds: true
}"""


def texts() -> list[str]:
    """Return the Mermaid texts of all pages.

    :return: the texts without their fences.
    """
    return [text for page in sorted(DOCS.rglob("*.md")) for text in BLOCK.findall(page.read_text("utf-8"))]


def drawing_of(text: str) -> Path:
    """Return where the drawing of a Mermaid text is stored; docs/conf.py looks for it there.

    :param text: the Mermaid text, without its fence.
    :return: path of the SVG.
    """
    return DOCS / "diagrams" / f"{hashlib.sha256(text.strip().encode()).hexdigest()[:16]}.svg"


def main(mermaid: Path) -> None:
    """Draw what has no drawing, and remove drawings of texts that are gone.

    :param mermaid: path of ``mermaid.min.js``.
    """
    wanted = {drawing_of(text): text for text in texts()}
    for stale in set((DOCS / "diagrams").glob("*.svg")) - set(wanted):
        stale.unlink()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<div id='here'></div>")
        page.add_script_tag(path=str(mermaid))
        page.evaluate(f"mermaid.initialize({SETTINGS})")
        for number, (file, text) in enumerate(wanted.items()):
            if not file.exists():
                draw = "([id, text]) => mermaid.render(id, text).then(done => done.svg)"
                file.write_text(page.evaluate(draw, [f"d{number}", text]) + "\n", "utf-8")
                print(f"drawn: {file.relative_to(ROOT)}")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
