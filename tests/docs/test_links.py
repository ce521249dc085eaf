"""Every link leads somewhere, every page is in the navigation, and no page is left alone."""

from pathlib import Path

import yaml

from tests.docs.pages import DOCS, FENCE, LINK, ROOT, anchors, name_of, pages, prose, shown

FAR = ("http://", "https://", "mailto:")


class Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags for Python objects are of no interest."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)
SITE = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)


def nav_pages(nav: list) -> list[str]:
    """The files of a navigation, in order."""
    found: list[str] = []
    for entry in nav:
        (target,) = entry.values()
        found += nav_pages(target) if isinstance(target, list) else [target]
    return found


def links() -> list[tuple[Path, str]]:
    """(page, target) of every link and picture."""
    return [(page, target) for page in pages() for target in LINK.findall(FENCE.sub("", shown(page)))]


def test_links_lead_to_files_and_headings() -> None:
    found = [(page, target) for page, target in links() if not target.startswith(FAR)]
    assert len(found) > 60
    for page, target in found:
        path, _, anchor = target.partition("#")
        base = DOCS if page.parent != ROOT and page.parent != DOCS else page.parent
        other = (base / path).resolve() if path else page
        assert other.exists(), f"{name_of(page)}: {target}"
        if anchor:
            assert anchor in anchors(other), f"{name_of(page)}: {target}"


def test_links_into_the_world_are_few_and_of_known_places() -> None:
    assert {target for _, target in links() if target.startswith(FAR)} == set()


def test_the_navigation_has_every_page_once() -> None:
    in_nav = nav_pages(SITE["nav"])
    assert sorted(in_nav) == sorted(page.name for page in DOCS.glob("*.md"))


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page, target in links()
        if not target.startswith(FAR)
    }
    site = {page for page in DOCS.glob("*.md")}
    alone = {page.name for page in site if page.resolve() not in linked}
    assert alone == set()


def test_every_picture_of_the_site_is_shown() -> None:
    shown_pictures = {Path(target).name for _, target in links()}
    assert {path.name for path in DOCS.rglob("*.jpg")} <= shown_pictures


def test_pages_have_one_title() -> None:
    for page in pages():
        titles = [line for line in prose(page).splitlines() if line.startswith("# ")]
        assert len(titles) == 1, name_of(page)
