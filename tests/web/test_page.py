"""The page in Chromium: what a visitor sees at three sizes, and every way to say what is wanted."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lit_emotalk.io.video import write_video
from tests.portraits import beside, head
from tests.web.conftest import head_png, wav
from tests.web.test_browser import MEAN, PHONE, give, people, until

pytestmark = pytest.mark.slow
SIZES = {
    "laptop": {"viewport": {"width": 1366, "height": 768}},
    "desktop": {"viewport": {"width": 1920, "height": 1080}},
    "phone": PHONE,
}
PARTS_IN_VIEW = """(all) => all.map((each) => {
  const { top, bottom, height } = each.getBoundingClientRect();
  return height ? (Math.min(bottom, innerHeight) - Math.max(top, 0)) / height : 0;
})"""
"""Share of each element's height that lies in the window."""


def png(picture: Image.Image) -> bytes:
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return kept.getvalue()


def clip(path: Path, frames: int = 30) -> bytes:
    """A video of a head that turns, with sound."""
    pictures = [np.asarray(head(0, 200, yaw)) for yaw in (-20.0, 0.0, 20.0)]
    order = [pictures[frame * 3 // frames] for frame in range(frames)]
    write_video(path, order, audio=np.zeros(frames * 640, np.float32))
    return path.read_bytes()


def choose(page: Any, button: Any, content: bytes, name: str) -> None:
    with page.expect_file_chooser() as chooser:
        button.click()
    chooser.value.set_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})


def ready(page: Any, portrait: bytes | None = None) -> None:
    give(page, "portrait", portrait or head_png(0), "me.png")
    page.locator("#portrait.ready").wait_for()
    give(page, "speech", wav(1.6), "hello.wav")
    page.locator("#speech.ready").wait_for()


def in_view(page: Any, selector: str) -> float:
    return page.locator(selector).evaluate_all(PARTS_IN_VIEW)[0]


@pytest.mark.parametrize("size", SIZES)
def test_progress_and_the_first_video_are_in_view(models: Path, tmp_path: Path, size: str) -> None:
    with people(models, tmp_path) as visitors:
        page = visitors.page(**SIZES[size])
        ready(page)
        for name in ("angry", "sad", "surprised"):
            page.locator(".chip", has_text=name).first.click()
        page.locator("#generate").click()
        page.locator("#progress p", has_text="Drawing").wait_for()
        assert in_view(page, "#progress") == 1
        assert in_view(page, "#sets figure") > 0.6
        page.locator("#sets video").nth(3).wait_for()
        until(page, "document.querySelector('#progress').hidden")
        page.wait_for_timeout(200)
        assert in_view(page, "#sets video") == 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_one_of_several_faces_is_chosen(models: Path, tmp_path: Path) -> None:
    two = png(beside(head(0, 260), head(1, 320)))
    with people(models, tmp_path) as visitors:
        page = visitors.page()
        ready(page, two)
        page.get_by_text("The picture has 2 faces. Which one is to speak?").wait_for()
        faces = page.locator(".faces button")
        pressed = "(all) => all.map((each) => each.getAttribute('aria-pressed'))"
        assert faces.evaluate_all(pressed) == ["false", "true"]
        faces.first.click()
        assert faces.evaluate_all(pressed) == ["true", "false"]
        wanted = page.locator(".faces img").evaluate_all(f"(all) => all.map({MEAN})")
        page.locator("#generate").click()
        page.locator("figure video").wait_for()
        until(page, "document.querySelector('figure video').readyState >= 2")
        seen = page.locator("figure video").evaluate(MEAN)
        apart = [np.abs(np.subtract(seen, face)).mean() for face in wanted]
        assert apart[0] < apart[1]
        give(page, "portrait", head_png(0), "me.png")
        until(page, "document.querySelector('.faces').hidden")


def test_emotions_by_picture_sound_and_video_make_chips_that_can_be_removed(
    models: Path, tmp_path: Path
) -> None:
    with people(models, tmp_path) as visitors:
        page = visitors.page()
        ready(page)
        page.locator(".chip", has_text="happy").click()
        for kind, content, name in (
            ("a picture", head_png(1), "face.png"),
            ("a sound", wav(1.0), "voice.wav"),
            ("a video", clip(tmp_path / "clip.mp4"), "clip.mp4"),
        ):
            choose(page, page.get_by_role("button", name=kind, exact=True), content, name)
            page.locator("#emotion .message", has_text=f"{name}: most like").wait_for()
        choose(page, page.get_by_role("button", name="a picture", exact=True), b"no", "no.png")
        page.locator("#emotion .message.bad", has_text="this file is not a picture").wait_for()
        page.get_by_placeholder("or in your own words").fill("zxqv")
        page.locator(".own button").click()
        assert page.locator("#generate").inner_text() == "Make 4 videos"
        page.get_by_role("button", name="Remove face.png").click()
        assert page.locator(".chip", has_text="face.png").count() == 0
        assert page.locator("#generate").inner_text() == "Make 3 videos"
        assert page.locator(".chip", has_text="angry").locator("button").count() == 0
        page.locator("#generate").click()
        page.get_by_role("button", name="Play together").wait_for()
        labels = page.locator("#sets figcaption span").all_inner_texts()
        assert labels == ["voice.wav", "clip.mp4", "zxqv"]
        page.locator(".set .message", has_text="'zxqv' is like no words for an emotion").wait_for()


def test_a_driving_video_is_taken_and_taken_away(models: Path, tmp_path: Path) -> None:
    with people(models, tmp_path) as visitors:
        page = visitors.page()
        ready(page)
        page.get_by_text("More", exact=True).click()
        driving = page.locator("#driving")
        choose(page, driving.get_by_role("button", name="Choose a video"), b"no video", "no.mp4")
        page.locator("#emotion .message.bad", has_text="this file is not a video").wait_for()
        choose(page, driving.get_by_role("button", name="Choose a video"), clip(tmp_path / "c.mp4"), "c.mp4")
        driving.get_by_text("c.mp4").wait_for()
        driving.get_by_label("with its blinks and gaze").check()
        with page.expect_request("**/videos") as asked:
            page.locator("#generate").click()
        wanted = asked.value.post_data_json
        assert wanted["eyes"] is True and len(wanted["driving"]) > 10
        page.locator("figure video").wait_for()
        driving.get_by_role("button", name="Remove the driving video").click()
        with page.expect_request("**/videos") as asked:
            page.locator("#generate").click()
        assert "driving" not in asked.value.post_data_json
        page.locator("figure video").nth(1).wait_for()


def test_lines_name_what_they_are_about(models: Path, tmp_path: Path) -> None:
    with people(models, tmp_path) as visitors:
        page = visitors.page()
        page.evaluate(
            "() => { navigator.mediaDevices.getUserMedia ="
            " () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
        )
        for card, device in (("portrait", "camera"), ("speech", "microphone")):
            page.locator(f"#{card} .record").click()
            page.get_by_text(f"the browser gave no access to the {device}; choose a file instead").wait_for()
        page.get_by_text("More", exact=True).click()
        page.get_by_label("Another variation of the head’s motion").wait_for()
        page.get_by_text("What can I write?").click()
        page.get_by_text("English words for what the face shows").wait_for()
