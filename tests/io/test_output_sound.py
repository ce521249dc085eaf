"""What an output carries of its sound: every channel at its own rate, in time with the pictures."""

from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from lit_emotalk.inference.output.files import write_output
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.output_sound import Cut, Soundtrack, write_wav
from lit_emotalk.io.sound_track import channels_of
from lit_emotalk.io.video import write_video

SECONDS = 2.0
FRAMES = round(SECONDS * 25)
PITCHES = (440, 3000, 5000, 700, 9000, 900, 1100, 1300)
"""Hz of each channel's tone: the channels can be told apart."""


def tones(rate, channels, seconds=SECONDS):
    time = np.arange(round(rate * seconds)) / rate
    return 0.3 * np.stack([np.sin(2 * np.pi * pitch * time) for pitch in PITCHES[:channels]])


def pictures():
    return (np.full((32, 32, 3), 5 * index, np.uint8) for index in range(FRAMES))


def decoded(path):
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        facts = stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels
        packed = av.AudioResampler(format="flt", layout=stream.layout, rate=facts[0])
        pieces = [channels_of(part) for frame in container.decode(stream) for part in packed.resample(frame)]
    return np.concatenate(pieces, axis=1), *facts


def pitch(samples, rate):
    middle = samples[rate // 2 : rate // 2 + rate]
    return np.abs(np.fft.rfft(middle * np.hanning(len(middle)))).argmax() * rate / len(middle)


@pytest.mark.parametrize(
    ("name", "rate", "channels", "kept_rate", "kept_channels"),
    [
        ("o.mp4", 44_100, 2, 44_100, 2),
        ("o.mp4", 48_000, 6, 48_000, 6),
        ("o.mp4", 48_000, 8, 48_000, 8),
        ("o.mp4", 8_000, 1, 8_000, 1),
        ("o.mp4", 192_000, 2, 96_000, 2),
        ("o.mp4", 48_000, 3, 48_000, 1),
        ("o.webm", 44_100, 2, 48_000, 2),
        ("o.webm", 48_000, 6, 48_000, 6),
    ],
)
def test_channels_and_rate_are_kept_as_far_as_the_format_goes(
    tmp_path, name, rate, channels, kept_rate, kept_channels
):
    soundfile.write(tmp_path / "in.wav", tones(rate, channels).T, rate)
    write_output(tmp_path / name, pictures(), Soundtrack.of(tmp_path / "in.wav"))
    samples, found_rate, found_channels = decoded(tmp_path / name)
    assert (found_rate, found_channels) == (kept_rate, kept_channels)
    assert samples.shape[1] / found_rate == pytest.approx(SECONDS, abs=0.05)
    if kept_channels == channels:
        heard = [pitch(row, found_rate) for row in samples]
        low = 3 if channels >= 6 else None
        for channel, (found, given) in enumerate(zip(heard, PITCHES, strict=False)):
            if channel != low and given < 0.45 * rate:
                assert found == pytest.approx(given, abs=3), channel


def test_a_folder_has_the_samples_themselves(tmp_path):
    given = tones(44_100, 2, 3.0)
    soundfile.write(tmp_path / "in.wav", given.T, 44_100)
    write_output(tmp_path / "seq", pictures(), Soundtrack.of(tmp_path / "in.wav"))
    kept, rate = soundfile.read(tmp_path / "seq" / "speech.wav", always_2d=True)
    assert rate == 44_100 and kept.shape == (round(SECONDS * rate), 2)
    np.testing.assert_allclose(kept.T, given[:, : len(kept)], atol=2 / 32768)


def test_the_output_of_a_talking_face_has_the_speech_as_it_was(tmp_path):
    from lit_emotalk import TalkingFace
    from tests.portraits import head
    from tests.small_models import save_small_models

    soundfile.write(tmp_path / "in.wav", tones(44_100, 2, 0.8).T, 44_100)
    head(0, 200).save(tmp_path / "me.png")
    face = TalkingFace.load(save_small_models(tmp_path / "models"), speed="float32")
    face.talk(tmp_path / "me.png", tmp_path / "in.wav", tmp_path / "o.mp4", "happy")
    _, rate, channels = decoded(tmp_path / "o.mp4")
    assert (rate, channels) == (44_100, 2)


def test_float_sound_beyond_one_is_scaled_and_not_clipped(tmp_path):
    given = 5 * tones(16_000, 2)
    soundfile.write(tmp_path / "in.wav", given.T, 16_000, subtype="FLOAT")
    track = Soundtrack.of(tmp_path / "in.wav")
    samples = np.concatenate(list(track.pieces()), axis=1)
    np.testing.assert_allclose(samples, given / np.abs(given).max(), atol=1e-5)


def packets(path, times, rate=16_000, length=1600):
    """A sound file whose frames of a counting ramp lie at `times` (seconds)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        for number, time in enumerate(times):
            values = np.full((1, length), 100 * (number + 1), np.int16)
            frame = av.AudioFrame.from_ndarray(values, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, round(time * rate), Fraction(1, rate)
            container.mux(stream.encode(frame))


def test_timestamps_are_followed_throughout(tmp_path):
    packets(tmp_path / "in.mkv", [0.0, 0.1, 0.15, 0.4, 0.5])
    [samples] = np.concatenate(list(Soundtrack.of(tmp_path / "in.mkv").pieces()), axis=1)
    numbers = (samples * 32768 / 100).round().astype(int)
    assert len(numbers) == pytest.approx(0.6 * 16_000, abs=40)
    for second, number in ((0.05, 1), (0.15, 2), (0.22, 3), (0.3, 0), (0.45, 4), (0.55, 5)):
        assert numbers[round(second * 16_000)] == number, second


def test_sound_begins_with_the_first_picture_as_the_networks_hear_it(tmp_path):
    sound = tones(16_000, 1, 1.0)[0].astype(np.float32)
    sound[:8000] *= 0.1
    write_video(tmp_path / "in.mp4", pictures(), audio=sound)
    [samples] = np.concatenate(list(Soundtrack.of(tmp_path / "in.mp4").pieces()), axis=1)
    heard = load_audio(tmp_path / "in.mp4")
    length = min(len(samples), len(heard))
    np.testing.assert_allclose(samples[:length], heard[:length], atol=1e-4)


def test_cutting_gives_every_sample_once(tmp_path):
    given = tones(22_050, 2, 1.3).astype(np.float32)
    write_wav(tmp_path / "in.wav", np.zeros(16_000, np.float32), 1.0)
    soundfile.write(tmp_path / "in.wav", given.T, 22_050, subtype="FLOAT")
    for sound, whole in ((Soundtrack.of(tmp_path / "in.wav"), given), (given[0], given[:1])):
        cut = Cut(sound)
        parts = [cut.until(time) for time in (0.04, 0.08, 0.5, 0.5, 9.0)]
        assert parts[0].shape[1] == round(0.04 * cut.rate) and parts[3].shape[1] == 0
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
