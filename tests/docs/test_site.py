"""The site is built strictly, asks no other server for anything, and can be read on a phone."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import DOCS, ROOT

pytestmark = pytest.mark.slow
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
PAGES = ("index", "how-it-works", "configuration", "troubleshooting", "metrics", "api")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    pytest.importorskip("material", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_built_and_nothing_is_left_to_fill_in(site: Path) -> None:
    pages = {path.stem for path in DOCS.glob("*.md")}
    assert pages <= {path.stem for path in site.glob("*.html")}
    for page in pages:
        assert not re.search(r"<!-- (generated|figure|included):", (site / f"{page}.html").read_text()), page
    assert not list(site.rglob("*.py"))


def test_nothing_is_asked_of_other_servers(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = path.read_text()
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?([^\s\">]+)", page)
        loaded += re.findall(r"<link\b[^>]*\bhref=\"?([^\s\">]+)", page)
        assert not [address for address in loaded if address.startswith(("http", "//"))], path
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", path.read_text()), path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: the extra browser")
    if not CHROMIUM.is_file():
        pytest.skip(f"needs Chromium at {CHROMIUM}: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield running
        running.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of this machine's own that shows a folder."""
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_search_finds_without_other_servers(site: Path, browser: Any) -> None:
    asked: list[str] = []
    with served(site) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/index.html")
        page.locator(".md-search__input").click()
        page.locator(".md-search__input").press_sequentially("krippendorff")
        found = page.locator(".md-search-result__link").first
        found.wait_for()
        assert "user-study" in str(found.get_attribute("href"))
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]


def test_pages_on_a_phone_and_what_they_ask_for(site: Path, browser: Any) -> None:
    asked: list[str] = []
    problems: list[str] = []
    with served(site) as address:
        for options in ({"viewport": {"width": 1280, "height": 800}}, PHONE):
            page = browser.new_context(**options).new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: problems.append(str(error)))
            for name in PAGES:
                page.goto(f"{address}/{name}.html")
                page.locator("article h1").first.wait_for()
                width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                assert width <= 1, f"{name} is {width} pixels wider than the screen"
    assert problems == []
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]
