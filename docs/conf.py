# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the documentation site; ``make docs`` builds it without the network."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

from scripts.changelog import FOLDER, unreleased  # noqa: E402 - found by the line above
from scripts.examples import examples, excerpt  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCE = PROJECT["urls"]["Source Code"]

project = PROJECT["name"]
author = "airflow-provider-kling developers"
project_copyright = author
_version = re.search(
    r'__version__ = "(.+?)"', (ROOT / "airflow_provider_kling/__init__.py").read_text("utf-8")
)
version = release = _version[1] if _version else ""

source_suffix = {
    ".rst": "restructuredtext",
    ".md": "markdown",
    ".myst": "markdown",
}  # .myst: pages of the site alone
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["README.md", "_build", "_static", "_templates", "diagrams"]
suppress_warnings = [
    "myst.xref_missing"
]  # links to anchors are checked by tests/project/test_docs.py, as code hosts name them

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
myst_fence_as_directive: list[str] = []
copybutton_prompt_text = "$ "

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # fields of a request have long types: they are in the operators' tables
autodoc_default_options = {
    "show-inheritance": True,
    # What Airflow or this package calls, not a person.
    "exclude-members": "execute, execute_complete, resume_execution, choose_branch, on_kill, poke, redacted, "
    "redacted_fields, request_fields, log, logger, get_connection_form_widgets, get_ui_field_behaviour",
}
autodoc_preserve_defaults = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path: list[str] = []
templates_path = ["_templates"]
html_theme_options = {
    "source_repository": SOURCE,
    "source_branch": "main",
    "source_directory": "docs/",
    "light_css_variables": {"color-brand-primary": "#0b6e99", "color-brand-content": "#0b6e99"},
    "dark_css_variables": {"color-brand-primary": "#6ec1e4", "color-brand-content": "#6ec1e4"},
}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/versions.html",
        "sidebar/scroll-end.html",
    ]
}
# Names of the versions on the site, newest first, and the one that is built: the docs workflow sets both.
html_context = {
    "kling_versions": os.environ.get("DOCS_VERSIONS", "").split(),
    "kling_version": os.environ.get("DOCS_VERSION", ""),
}

OUTSIDE = re.compile(r"\]\((?:\.\./)+((?!operators/)[^)\s]*)\)")


def _link_outside(app: Sphinx, name: str, content: list[str]) -> None:
    """Point links to files outside of docs/ to the source repository.

    :param app: the running build.
    :param name: name of the page.
    :param content: text of the page, in a list of one.
    """

    def target(match: re.Match[str]) -> str:
        relative, _, mark = match[0][2:-1].partition("#")
        path = ((DOCS / name).parent / relative).resolve()
        if path.is_relative_to(DOCS):
            return match[0]
        if path.parent == ROOT / "example_dags" and path.suffix == ".py":
            return f"](/_examples/{path.stem}.myst)"
        kind = "tree" if path.is_dir() else "blob"
        return f"]({SOURCE}/{kind}/main/{path.relative_to(ROOT)}{'#' + mark if mark else ''})"

    content[0] = OUTSIDE.sub(target, content[0])


SHOWN = re.compile(r"^##+ (Kling\w+)$(?:(?!^##).*\n)*?^Example: .*$", re.M)


def _show_examples(app: Sphinx, name: str, content: list[str]) -> None:
    """Include the statement of the example that each operator's section links to.

    :param app: the running build.
    :param name: name of the page.
    :param content: text of the page, in a list of one.
    """

    def shown(match: re.Match[str]) -> str:
        part = excerpt(match[1])
        if part is None:
            return match[0]
        path = os.path.relpath(part.file, (DOCS / name).parent)
        app.env.note_dependency(str(part.file))
        lines = f":lines: {part.first}-{part.last}\n:dedent:\n:language: python"
        return f"{match[0]}\n\n```{{literalinclude}} {path}\n{lines}\n```"

    content[0] = SHOWN.sub(shown, content[0])


def _show_changelog(app: Sphinx, name: str, content: list[str]) -> None:
    """Make the page of the changelog from the file and the fragments of the next release.

    :param app: the running build.
    :param name: name of the page.
    :param content: text of the page, in a list of one.
    """
    if name != "changelog":
        return
    text = (ROOT / "CHANGELOG.md").read_text("utf-8").replace("](docs/", "](")
    text = text.replace("](changelog.d)", f"]({SOURCE}/tree/main/changelog.d)")
    for file in (ROOT / "CHANGELOG.md", FOLDER, *FOLDER.iterdir()):
        app.env.note_dependency(str(file))
    before, _, released = text.partition("<!-- towncrier release notes start -->")
    section = f"## {release} (unreleased)\n\n{unreleased()}" if unreleased() else ""
    content[0] = f"{before}\n{section}\n{released}"


def _example_title(file: Path) -> tuple[str, str]:
    """Return the title of an example DAG and the text below it."""
    document = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or file.stem
    title, _, text = document.lstrip("# ").partition("\n")
    return title, text


def _example_page(file: Path, operators: list[str]) -> str:
    tree = ast.parse(file.read_text("utf-8"))
    title, text = _example_title(file)
    after = tree.body[0].end_lineno if ast.get_docstring(tree) else 0
    used = ", ".join(f"`{each}`" for each in operators)
    return (
        f"# {title}\n\n{text.strip()}\n\n"
        f"Uses {used}. Tests run this file, `{file.name}`, with the emulator.\n\n"
        f"```{{literalinclude}} ../../example_dags/{file.name}\n"
        f":language: python\n:lines: {(after or 0) + 1}-\n```\n"
    )


def _write_examples(app: Sphinx) -> None:
    """Write a page for each example DAG, which includes the file that the tests run.

    :param app: the running build.
    """
    folder = DOCS / "_examples"
    folder.mkdir(exist_ok=True)
    dags = examples()
    pages = {file.stem: _example_page(file, operators) for file, operators in dags.items()}
    links = {file.stem: f"[{_example_title(file)[0]}]({file.stem}.myst)" for file in dags}
    used = sorted({operator for operators in dags.values() for operator in operators})
    rows = "\n".join(
        f"| `{name}` | {'; '.join(links[file.stem] for file in dags if name in dags[file])} |"
        for name in used
    )
    toctree = "\n".join(pages)
    pages["index"] = (
        "# Example DAGs\n\nTests run each of these files with the emulator. Copy one and change it.\n\n"
        f"| Operator or sensor | Examples |\n| --- | --- |\n{rows}\n\n"
        f"```{{toctree}}\n:hidden:\n\n{toctree}\n```\n"
    )
    for stale in folder.glob("*.myst"):
        if stale.stem not in pages:
            stale.unlink()
    for stem, text in pages.items():
        path = folder / f"{stem}.myst"
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def diagram_file(text: str) -> Path:
    """Return where the drawing of a Mermaid text is kept.

    :param text: the Mermaid text, without its fence.
    :return: path of the SVG.
    """
    return DOCS / "diagrams" / f"{hashlib.sha256(text.strip().encode()).hexdigest()[:16]}.svg"


def _draw_diagrams(app: Sphinx, document: nodes.document) -> None:
    """Show the drawing of each Mermaid text in its place; the text stays as its alternative text.

    :param app: the running build.
    :param document: the page that was read.
    """
    for block in list(document.findall(nodes.literal_block)):
        if block.get("language") != "mermaid":
            continue
        file = diagram_file(block.astext())
        if not file.exists():
            raise RuntimeError(f"No drawing of a diagram in {app.env.docname}: run `make diagrams`")
        size = re.search(r'viewBox="\S+ \S+ (\d+)', file.read_text("utf-8"))
        width = {"width": f"{size[1]}px"} if size else {}
        block.replace_self(
            nodes.image(uri=f"/diagrams/{file.name}", alt=block.astext(), classes=["diagram"], **width)
        )


def _omit_inherited_signature(app: Sphinx, what: str, name: str, *rest: Any) -> tuple[str | None, str | None]:
    """Show the parameters of exceptions once, at their base class.

    :param app: the running build.
    :param what: kind of the object.
    :param name: full name of the object.
    :param rest: the object, options, its parameters and what it returns, as text.
    :return: parameters and return type to show.
    """
    _, _, signature, returns = rest
    inherited = what == "exception" and not name.endswith(".KlingError")
    return ("" if inherited and signature else signature), returns


def _omit_private_bases(app: Sphinx, name: str, obj: object, options: Any, bases: list[Any]) -> None:
    """Show the public class that a private base class derives from.

    :param app: the running build.
    :param name: full name of the class.
    :param obj: the class.
    :param options: options of the directive.
    :param bases: its base classes.
    """
    for number, base in enumerate(bases):
        if isinstance(base, type):
            bases[number] = next(each for each in base.__mro__ if not each.__name__.startswith("_"))


def _link_tables(app: Sphinx, what: str, name: str, *rest: Any) -> None:
    """Link each operator to the page with the types of its parameters, its rules and an example.

    :param app: the running build.
    :param what: kind of the object.
    :param name: full name of the object.
    :param rest: the object, options, and the lines of its docstring.
    """
    lines: list[str] = rest[-1]
    page = re.match(r"airflow_provider_kling\.operators\.(\w+)\.Kling\w+$", name)
    if what == "class" and page and (DOCS / "operators" / f"{page[1]}.md").exists():
        fields = [number for number, line in enumerate(lines) if line.startswith(":")] or [len(lines)]
        lines[fields[0] : fields[0]] = [f"Types, rules and an example: :doc:`/operators/{page[1]}`.", ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what this site does beside Sphinx's own work.

    :param app: the running build.
    :return: facts about this extension.
    """
    app.connect("builder-inited", _write_examples)
    app.connect("autodoc-process-signature", _omit_inherited_signature)
    app.connect("autodoc-process-bases", _omit_private_bases)
    app.connect("autodoc-process-docstring", _link_tables)
    app.connect("source-read", _show_changelog)
    app.connect("source-read", _show_examples)
    app.connect("source-read", _link_outside)
    app.connect("doctree-read", _draw_diagrams, priority=400)  # before images are collected
    return {"parallel_read_safe": True, "parallel_write_safe": True}
