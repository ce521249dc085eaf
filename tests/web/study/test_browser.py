"""Raters in Chromium: by keyboard, by touch on a phone, and interrupted in the middle."""

from pathlib import Path
from typing import Any

import pytest

from lit_emotalk.evaluate.tables.ratings import read_ratings
from lit_emotalk.web.study.build import build_study
from lit_emotalk.web.study.results import write_results
from lit_emotalk.web.study.study import Study, read_study
from tests.serving import serving
from tests.web.study.conftest import METHODS, TRUTH, spec_content, tokens_of, write_spec

pytestmark = pytest.mark.slow
CHROMIUM = Path("/usr/bin/chromium")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
WAIT_MILLISECONDS = 60_000


@pytest.fixture
def six_videos(material: Path, tmp_path: Path) -> Study:
    """Two methods, three clips, no anchors: six videos for each of three raters, a practice and a check."""
    content = spec_content(material, raters=3, anchors_per_rater=0, attention={"checks": 1})
    build_study(write_spec(tmp_path / "spec.yaml", content), tmp_path / "study", "http://127.0.0.1")
    return read_study(tmp_path / "study")


class Rater:
    """A simulated rater: rates the first method 5 and others 2 and does what checks ask."""

    def __init__(self, study: Study, name: str, page: Any, address: str) -> None:
        self.study, self.name, self.page, self.address = study, name, page, address
        self.requests: list[str] = []
        page.set_default_timeout(WAIT_MILLISECONDS)
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, button: str) -> None:
        self.page.goto(self.address)
        self.page.get_by_role("button", name=button, exact=True).click()

    def rate(self, first: int, last: int, by: str) -> None:
        items = self.study.raters[self.name]
        for number in range(first, last):
            item = items[number]
            self.page.get_by_text(f"{number + 1} of {len(items)}", exact=True).wait_for()
            assert self.page.get_by_text("Practice", exact=True).is_visible() == (number == 0)
            self.page.get_by_text("to answer").wait_for()
            assert self.page.locator("#send").is_disabled()
            score = item.expected or (5 if item.method == METHODS[0] else 2)
            if by == "keyboard":
                self.page.keyboard.press("Space")
                for _ in self.study.questions:
                    self.page.keyboard.press(str(score))
                self.page.locator("#send:enabled").wait_for()
                self.page.keyboard.press("Enter")
            else:
                for fieldset in self.page.locator("fieldset").all():
                    fieldset.locator(f"input[value='{score}']").tap()
                self.page.locator("#send").tap()


def test_three_raters_finish_and_one_was_interrupted(six_videos: Study, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: the extra browser")
    if not CHROMIUM.is_file():
        pytest.skip(f"needs Chromium at {CHROMIUM}: apt-get install chromium")
    tokens = tokens_of(six_videos.folder)
    total = len(six_videos.raters["r1"])
    seen: list[str] = []
    problems: list[str] = []
    with (
        serving("study", "serve", "--study", str(six_videos.folder)) as (_, port),
        sync_api.sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--mute-audio"],
            timeout=WAIT_MILLISECONDS,
        )

        def rater(name: str, **options: Any) -> Rater:
            page = browser.new_context(**options).new_page()
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda line: line.type == "error" and problems.append(line.text))
            return Rater(six_videos, name, page, f"http://127.0.0.1:{port}/r/{tokens[name]}")

        keyboard = rater("r1")
        keyboard.open("Start")
        keyboard.rate(0, total, "keyboard")
        phone = rater("r2", **PHONE)
        phone.open("Start")
        phone.rate(0, total, "touch")
        assert phone.page.evaluate("() => document.documentElement.scrollWidth") <= 390
        interrupted = rater("r3")
        interrupted.open("Start")
        interrupted.rate(0, 4, "keyboard")
        interrupted.page.get_by_text(f"5 of {total}", exact=True).wait_for()
        interrupted.page.context.close()
        again = rater("r3")
        again.open("Continue")
        again.rate(4, total, "keyboard")
        for one in (keyboard, phone, again):
            one.page.get_by_text("Thank you", exact=True).wait_for()
            one.page.get_by_text("Code 42").wait_for()
            seen += [*one.requests, one.page.content()]
        browser.close()
    assert not problems
    assert all(url.startswith((f"http://127.0.0.1:{port}/", "<")) for url in seen)
    assert not any(secret in text for secret in (*METHODS, TRUTH) for text in seen)
    write_results(six_videos.folder, tmp_path / "ratings.csv", complete_only=True)
    ratings = read_ratings(tmp_path / "ratings.csv")
    assert len(ratings) == 3 * 6 * 2 and {rating.rater for rating in ratings} == {"r1", "r2", "r3"}
    assert all(rating.score == (5 if rating.method == METHODS[0] else 2) for rating in ratings)
