"""The Markdown that people read, as the site shows it, and what is in it: code, links, headings."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docs.generate.hooks import INCLUDED, fill

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
INDENTED = re.compile(r"(?<=\n\n)((?: {4}.+\n)+)")
SPAN = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """A fenced block: its page, language and code without the fence's indent."""

    page: str
    language: str
    code: str


def pages() -> list[Path]:
    """All Markdown of the repository's root, of docs/ and what docs include."""
    included = {ROOT / name for page in DOCS.glob("*.md") for name in INCLUDED.findall(page.read_text())}
    return sorted({*(ROOT / name for name in ROOT_PAGES), *DOCS.glob("*.md"), *included})


def name_of(page: Path) -> str:
    """A page's path below the root."""
    return page.relative_to(ROOT).as_posix()


@cache
def text(page: Path) -> str:
    """A page as it is written."""
    return page.read_text()


@cache
def shown(page: Path) -> str:
    """A page as the site shows it, with what is generated and included."""
    return fill(text(page))


def snippets() -> list[Snippet]:
    """All fenced blocks, generated ones too, and indented ones, which are taken for commands."""
    found = []
    for page in pages():
        for block in FENCE.finditer(shown(page)):
            lines = [line.removeprefix(block["indent"]) for line in block["code"].splitlines()]
            found.append(Snippet(name_of(page), block["language"], "\n".join(lines)))
        for indented in INDENTED.findall(prose(page)):
            found.append(Snippet(name_of(page), "bash", indented))
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", text(page))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and Python-Markdown make them of plain headings."""
    return {slug(heading) for heading in HEADING.findall(FENCE.sub("", shown(page)))}


def slug(heading: str) -> str:
    """`What a frame costs` -> `what-a-frame-costs`."""
    plain = unicodedata.normalize("NFKD", heading.replace("`", "")).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
