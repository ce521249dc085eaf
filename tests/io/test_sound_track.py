"""Sound tracks: channels mixed so that no voice is lost, and time kept."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.video import read_frames, write_video
from lit_emotalk.schema import FPS

RATE = 16_000
HARD = Path(__file__).parents[3] / "shared" / "data" / "hard"


def voice(hertz: float = 140.0, seconds: float = 2.0) -> np.ndarray:
    """A buzz that swells three times a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 9))
    return 0.15 * buzz * (1 + np.sin(2 * np.pi * 3 * time)) / 2


def decibels(samples: np.ndarray, reference: np.ndarray) -> float:
    return float(10 * np.log10(np.square(samples).mean() / np.square(reference).mean()))


def read(tmp_path: Path, channels: list[np.ndarray]) -> np.ndarray:
    soundfile.write(tmp_path / "sound.wav", np.stack(channels, 1), RATE, subtype="FLOAT")
    return load_audio(tmp_path / "sound.wav")


def test_opposite_phase_is_heard(tmp_path: Path) -> None:
    np.testing.assert_allclose(read(tmp_path, [voice(), -voice()]), voice(), atol=1e-6)
    weaker = read(tmp_path, [voice(), -0.7 * voice()])
    np.testing.assert_allclose(weaker, voice(), atol=1e-6)


def test_a_second_voice_that_does_not_cancel_does_not_hide_one_that_does(tmp_path: Path) -> None:
    first, second = voice(), voice(190.0)
    first[RATE:] = second[:RATE] = 0
    mixed = read(tmp_path, [first + second, second - first])
    assert (
        abs(decibels(mixed[:RATE], first[:RATE])) < 0.1 and abs(decibels(mixed[RATE:], second[RATE:])) < 0.1
    )


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("noise", [0.0, 0.0005])
def test_a_voice_in_one_of_six_channels_keeps_its_level(tmp_path: Path, place: int, noise: float) -> None:
    rng = np.random.default_rng(place)
    channels = [rng.normal(0, noise, len(voice())) for _ in range(6)]
    channels[place] += voice()
    assert abs(decibels(read(tmp_path, channels), voice())) < 0.1


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_that_are_alike_give_what_each_is(tmp_path: Path, channels: int) -> None:
    np.testing.assert_allclose(read(tmp_path, [voice()] * channels), voice(), atol=1e-6)


def test_two_who_speak_in_turn_each_on_a_side_keep_their_levels(tmp_path: Path) -> None:
    left, right = voice(), voice(190.0)
    left[RATE:] = right[:RATE] = 0
    np.testing.assert_allclose(read(tmp_path, [left, right]), left + right, atol=1e-3)


@pytest.mark.shared_data
@pytest.mark.skipif(not HARD.is_dir(), reason=f"no hard files at {HARD}")
def test_the_real_recording_of_opposite_phase_is_heard() -> None:
    left = soundfile.read(HARD / "stereo_opposite_phase.wav")[0][:, 0]
    np.testing.assert_allclose(load_audio(HARD / "stereo_opposite_phase.wav"), left, atol=1e-6)


def part(path: Path) -> Path:
    """One second of black and silence; in its middle one frame is white, and with it the sound clicks."""
    frames = [np.full((64, 64, 3), 255 * (index == 12), np.uint8) for index in range(25)]
    sound = np.zeros(25 * 640, np.float32)
    sound[12 * 640 : 12 * 640 + 160] = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(160) / RATE)
    write_video(path, frames, audio=sound)
    return path


def join(parts: list[Path], target: Path) -> Path:
    """The parts one after the other, as `ffmpeg -f concat -c copy` joins them."""
    listing = target.with_suffix(".txt")
    listing.write_text("".join(f"file '{path}'\n" for path in parts))
    with (
        av.open(str(listing), format="concat", options={"safe": "0"}) as source,
        av.open(str(target), "w") as out,
    ):
        streams = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        last: dict[int, int] = {}
        for packet in source.demux():
            if packet.dts is not None:
                index = packet.stream.index
                packet.stream = streams[index]
                packet.dts = max(packet.dts, last.get(index, packet.dts - 1) + 1)
                packet.pts = max(packet.pts, packet.dts)
                last[index] = packet.dts
                out.mux(packet)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_joined_parts_stay_in_time_to_the_end(tmp_path: Path, suffix: str) -> None:
    path = join([part(tmp_path / "part.mp4")] * 40, tmp_path / f"joined{suffix}")
    flashes = [k / FPS for k, frame in enumerate(read_frames(path)) if frame.mean() > 128]
    heard = np.abs(load_audio(path)) > 0.3
    clicks = np.flatnonzero(heard & ~np.roll(np.convolve(heard, np.ones(4000))[: len(heard)] > 0, 1)) / RATE
    assert len(flashes) == len(clicks) == 40
    assert np.abs(np.array(flashes) - clicks).max() < 0.04


def test_sound_that_lies_before_what_was_read_is_left_out_and_holes_are_silent(tmp_path: Path) -> None:
    path = tmp_path / "sound.mka"
    starts = [0, 15_000, 30_000, 50_000]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number, start in enumerate(starts, 1):
            samples = np.full((1, RATE), 1000 * number, np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    levels = np.round(load_audio(path) * 32768 / 1000)
    changes = np.flatnonzero(np.diff(levels, prepend=0))
    np.testing.assert_allclose(changes, [0, 16_000, 31_000, 46_000, 50_000], atol=16)
    assert levels[changes].tolist() == [1, 2, 3, 0, 4] and abs(len(levels) - 66_000) <= 16


def test_parts_joined_as_bytes_are_refused(tmp_path: Path) -> None:
    path, twice = tmp_path / "part.ts", tmp_path / "twice.ts"
    write_video(path, [np.zeros((64, 64, 3), np.uint8)] * 50, audio=voice().astype(np.float32))
    twice.write_bytes(2 * path.read_bytes())
    for read_file in (load_audio, lambda name: list(read_frames(name))):
        with pytest.raises(UserError, match=r"runs back from .* join them again") as caught:
            read_file(twice)
        assert str(twice) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("peak", [1.3, 4.0])
def test_sound_beyond_full_scale_is_scaled_and_not_clipped(tmp_path: Path, peak: float) -> None:
    loud = voice() / np.abs(voice()).max() * peak
    soundfile.write(tmp_path / "loud.wav", loud, RATE, subtype="FLOAT")
    samples = load_audio(tmp_path / "loud.wav")
    np.testing.assert_allclose(samples, loud / peak, atol=1e-5)
    assert np.mean(np.abs(samples) > 0.999) < 0.001


def test_channels_that_add_up_beyond_full_scale_are_not_clipped(tmp_path: Path) -> None:
    left, right = (voice(hertz) / np.abs(voice(hertz)).max() for hertz in (140.0, 190.0))
    mixed = read(tmp_path, [left, right])
    together = left + right
    np.testing.assert_allclose(mixed / np.abs(mixed).max(), together / np.abs(together).max(), atol=1e-4)
    assert np.abs(mixed).max() <= 1


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".rf64"])
def test_a_sound_that_breaks_off_says_so(tmp_path: Path, suffix: str) -> None:
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    soundfile.write(whole, voice(seconds=6.0), RATE, format=suffix[1:].upper())
    assert len(load_audio(whole)) == 6 * RATE
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 4])
    with pytest.raises(UserError, match=r"breaks off after \d\.\d of 6\.0 s|cannot read") as caught:
        load_audio(cut)
    assert str(cut) in str(caught.value)


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_a_wav_that_was_piped_does_not_say_how_long_it_is(tmp_path: Path, length: int) -> None:
    path = tmp_path / "piped.wav"
    soundfile.write(path, voice(), RATE)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = length.to_bytes(4, "little")
    path.write_bytes(data)
    assert len(load_audio(path)) == len(voice())


@pytest.mark.shared_data
@pytest.mark.skipif(not HARD.is_dir(), reason=f"no hard files at {HARD}")
def test_the_hard_wav_that_breaks_off_says_so() -> None:
    with pytest.raises(UserError, match=r"breaks off after 0\.9 of 6\.6 s"):
        load_audio(HARD / "wav_truncated.wav")
