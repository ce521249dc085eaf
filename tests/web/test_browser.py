"""The page in Chromium: upload, choose, make, watch; on a desktop, on a phone, by two people at once."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lit_emotalk.web.sessions import PREFIX
from tests.serving import serving
from tests.web.conftest import head_png, wav

pytestmark = pytest.mark.slow
CHROMIUM = Path("/usr/bin/chromium")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
WAIT_MILLISECONDS = 90_000
FLAGS = [
    "--no-sandbox",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
MEAN = (
    "(video) => { const canvas = document.createElement('canvas'); canvas.width = canvas.height = 16;"
    "const pen = canvas.getContext('2d'); pen.drawImage(video, 0, 0, 16, 16);"
    "return [...pen.getImageData(0, 0, 16, 16).data].filter((_, index) => index % 4 < 3); }"
)
"""The 16 x 16 pixels of a video as it is shown."""


class People:
    """Opens pages of one server, and notes what goes wrong in them and where they ask for things."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser, self.address = browser, address
        self.problems: list[str] = []
        self.asked: list[str] = []

    def page(self, **options: Any) -> Any:
        page = self.browser.new_context(**options).new_page()
        page.set_default_timeout(WAIT_MILLISECONDS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(self.address)
        page.locator(".chip").first.wait_for()
        return page


@contextmanager
def people(models: Path, place: Path) -> Iterator[People]:
    """A served page and a browser; in the end no script has failed and nothing was asked of others."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: the extra browser")
    if not CHROMIUM.is_file():
        pytest.skip(f"needs Chromium at {CHROMIUM}: apt-get install chromium")
    with (
        serving("serve", "--models", str(models), TMPDIR=str(place)) as (_, port),
        sync_api.sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=FLAGS, timeout=WAIT_MILLISECONDS
        )
        found = People(browser, f"http://127.0.0.1:{port}/")
        yield found
        browser.close()
    assert not found.problems
    assert all(url.startswith((found.address, "data:", "blob:")) for url in found.asked)


def give(page: Any, kind: str, content: bytes, name: str) -> None:
    """Choose a file as a visitor does."""
    with page.expect_file_chooser() as chooser:
        page.locator(f"#{kind} .choose").click()
    chooser.value.set_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})


def until(page: Any, script: str) -> None:
    """Wait for a script to be true; the page's policy forbids the browser to do so by itself."""
    for _ in range(WAIT_MILLISECONDS // 100):
        if page.evaluate(script):
            return
        page.wait_for_timeout(100)
    raise AssertionError(script)


def served_files(place: Path) -> list[str]:
    """Kinds of the files that the server keeps of its visitors."""
    return sorted(path.suffix for path in place.glob(f"{PREFIX}*/*/*"))


def test_upload_make_watch_and_leave(models: Path, tmp_path: Path) -> None:
    with people(models, tmp_path) as visitors:
        page = visitors.page(viewport={"width": 1280, "height": 900})
        page.locator("#generate").click()
        page.get_by_text("Still needed: a portrait and speech.").wait_for()
        give(page, "portrait", b"no picture", "holiday.jpg")
        page.get_by_text("this file is not a picture; choose a jpg, png or webp").wait_for()
        blank = io.BytesIO()
        Image.new("RGB", (90, 90), "green").save(blank, "PNG")
        give(page, "portrait", blank.getvalue(), "meadow.png")
        page.get_by_text("no face found in the picture").wait_for()
        give(page, "portrait", head_png(0), "me.png")
        page.locator("#portrait.ready img").wait_for()
        give(page, "speech", wav(loudness=0), "quiet.wav")
        page.get_by_text("the sound is silent").wait_for()
        give(page, "speech", wav(), "hello.wav")
        page.locator("#speech.ready audio").wait_for()
        page.locator(".chip", has_text="angry").click()
        page.get_by_placeholder("or in your own words").fill("over the moon")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Make 3 videos").click()
        page.get_by_role("button", name="Play together").click()
        shown = page.locator("figure video")
        assert shown.count() == 3
        assert page.locator("#sets figcaption span").all_inner_texts() == ["happy", "angry", "over the moon"]
        until(page, "[...document.querySelectorAll('figure video')].every((v) => v.ended)")
        facts = shown.evaluate_all("(all) => all.map((v) => [v.duration, v.currentTime, v.videoWidth])")
        for duration, time, width in facts:
            assert duration == pytest.approx(0.6, abs=0.05) and time >= 0.55 and width == 64
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").last.click()
        assert download.value.suggested_filename == "over-the-moon.mp4"
        assert served_files(tmp_path) == [".mp4", ".mp4", ".mp4", ".png", ".wav"]
        page.goto("about:blank")
        for _ in range(200):
            if not served_files(tmp_path):
                break
            page.wait_for_timeout(100)
        assert served_files(tmp_path) == []


def test_on_a_phone_with_a_recorded_voice(models: Path, tmp_path: Path) -> None:
    with people(models, tmp_path) as visitors:
        page = visitors.page(**PHONE, permissions=["camera", "microphone"])
        give(page, "portrait", head_png(0), "me.png")
        page.locator("#speech .record").tap()
        page.get_by_role("button", name="Stop recording").wait_for()
        page.wait_for_timeout(2500)
        page.get_by_role("button", name="Stop recording").tap()
        page.locator("#speech.ready audio").wait_for()
        page.locator("#portrait .record").tap()
        page.get_by_role("button", name="Take the picture").tap()
        page.get_by_text("no face found in the picture").wait_for()
        page.locator("#generate").tap()
        video = page.locator("figure video")
        video.wait_for()
        video.evaluate("(video) => { video.muted = true; return video.play(); }")
        until(page, "document.querySelector('figure video').currentTime > 0.3")
        assert video.evaluate("(video) => video.duration") > 1.5
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_two_people_at_once_each_see_their_own(models: Path, tmp_path: Path) -> None:
    with people(models, tmp_path) as visitors:
        pages = [visitors.page(), visitors.page()]
        for number, page in enumerate(pages):
            give(page, "portrait", head_png(number), "me.png")
            give(page, "speech", wav(0.6 + 0.4 * number), "hello.wav")
        for page in pages:
            page.locator("#portrait.ready").wait_for()
            page.locator("#speech.ready").wait_for()
        for page in pages:
            page.locator("#generate").click()
        for number, page in enumerate(pages):
            video = page.locator("figure video")
            video.wait_for()
            until(page, "document.querySelector('figure video').readyState >= 2")
            assert video.evaluate("(video) => video.duration") == pytest.approx(0.6 + 0.4 * number, abs=0.05)
            seen = video.evaluate(MEAN)
            apart = []
            for each in pages:
                face = each.locator("#portrait img").evaluate(MEAN)
                apart.append(sum(abs(a - b) for a, b in zip(seen, face, strict=True)))
            assert min(range(2), key=apart.__getitem__) == number


def test_live_speech_moves_the_face(models: Path, tmp_path: Path) -> None:
    with people(models, tmp_path) as visitors:
        page = visitors.page(permissions=["microphone"])
        page.locator("#live").click()
        page.get_by_text("Still needed: a portrait.").wait_for()
        give(page, "portrait", head_png(0), "me.png")
        page.locator("#portrait.ready").wait_for()
        page.locator("#live").click()
        frames = "Number(document.querySelector('#watching canvas').dataset.frames || 0)"
        until(page, f"{frames} >= 5")
        assert page.locator("#live").is_disabled()
        page.locator(".chip", has_text="angry").click()
        until(page, f"{frames} >= 10")
        shown = page.locator("#watching canvas").evaluate(MEAN)
        face = page.locator("#portrait img").evaluate(MEAN)
        assert sum(abs(a - b) for a, b in zip(shown, face, strict=True)) / len(face) < 30
        page.locator("#watching button").click()
        until(page, "document.querySelector('#watching').hidden")
        assert page.locator("#results > .message").inner_text() == ""
        page.locator("#live").click()
        until(page, "!document.querySelector('#watching').hidden")


def test_a_server_that_does_not_answer(models: Path, tmp_path: Path) -> None:
    with people(models, tmp_path) as visitors:
        page = visitors.page(permissions=["microphone"])
        give(page, "portrait", head_png(0), "me.png")
        give(page, "speech", wav(), "hello.wav")
        page.locator("#portrait.ready").wait_for()
        page.locator("#speech.ready").wait_for()
        page.route("**/jobs/*", lambda route: route.fulfill(status=503, body="busy"), times=2)
        page.locator("#generate").click()
        page.get_by_text("The server does not answer, trying again").wait_for()
        assert page.get_by_role("button", name="Stop").first.is_visible()
        page.locator("figure video").wait_for()
        page.route("**/api/sessions", lambda route: route.fulfill(status=503, json={"error": "full"}))
        page.reload()
        page.locator("#results > .message", has_text="full").wait_for()
        page.get_by_placeholder("or in your own words").fill("glad")
        page.locator(".own button").click()
        page.locator("#speech .record").click()
        page.locator("#speech .message", has_text="no connection to the server").wait_for()
        give(page, "portrait", head_png(0), "me.png")
        page.locator("#portrait .message", has_text="no connection to the server").wait_for()


def test_impatient_clicks(models: Path, tmp_path: Path) -> None:
    with people(models, tmp_path) as visitors:
        page = visitors.page(permissions=["camera", "microphone"])
        page.evaluate(
            "() => { const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);"
            "window.streams = [];"
            "devices.getUserMedia = async (wanted) => {"
            "const got = await ask(wanted); streams.push(got); return got; }; }"
        )
        for card, taken in (("portrait", "Take the picture"), ("speech", "Stop recording")):
            page.evaluate(f"for (let k = 0; k < 3; k++) document.querySelector('#{card} .record').click()")
            page.get_by_role("button", name=taken).wait_for()
            page.wait_for_timeout(1500)  # the made-up microphone beeps once a second
            assert page.evaluate("streams.length") == 1
            page.evaluate(f"for (let k = 0; k < 3; k++) document.querySelector('#{card} .take').click()")
            until(page, "streams[0].getTracks().every((track) => track.readyState === 'ended')")
            page.evaluate("streams.pop()")
        page.locator("#speech.ready").wait_for()
        give(page, "portrait", head_png(0), "me.png")
        page.locator("#portrait.ready").wait_for()
        for name in ("angry", "sad", "surprised"):
            page.locator(".chip", has_text=name).first.click()
        page.get_by_placeholder("or in your own words").fill("over the moon")
        page.get_by_role("button", name="Make 4 videos").click()
        page.locator("#emotion .message", has_text="At most 4 emotions at a time").wait_for()
        assert page.locator("figure video, #sets figure").count() == 0
