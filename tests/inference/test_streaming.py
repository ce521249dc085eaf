"""Live speech: what the stream gives, when, and that it is what the whole sound would have given."""

import numpy as np
import pytest
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.inference.live.streaming import FADE_FRAMES, SILENT_FRAMES, ExpressionStream, Latency
from lit_emotalk.io.audio import MelStream, log_mel
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.hearing import hear
from lit_emotalk.schema import MEL_FLOOR

SHORT = Latency(hop=2, ahead=3, window=20)
FRAMES = 61


@pytest.fixture(scope="module")
def eac() -> EAC:
    torch.manual_seed(0)
    eac = EAC(EACConfig(code_dim=8, layers=2, heads=2, width=32, dropout=0.0)).eval()
    torch.nn.init.normal_(eac.head.weight, std=0.3)
    return eac


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    time = np.arange(640 * FRAMES) / 16_000
    return (0.3 * np.sin(2 * np.pi * 200 * time) * np.sin(2 * np.pi * 2 * time)).astype(np.float32)


def code(seed: int = 0) -> torch.Tensor:
    return torch.randn(8, generator=torch.Generator().manual_seed(seed))


def pieces(sound: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    cuts = np.cumsum(rng.choice(sizes, len(sound)))
    return np.split(sound, cuts[cuts < len(sound)])


def causal(eac: EAC, sound: np.ndarray, how: Latency) -> np.ndarray:
    """The same frames from the whole sound: window by window over its mel."""
    mel, made = torch.from_numpy(log_mel(sound)), []
    for first in range(0, FRAMES, how.hop):
        count = min(how.hop, FRAMES - first)
        end = min(first + count + how.ahead, FRAMES)
        start = max(0, end - how.window)
        with torch.inference_mode():
            silence = torch.full((4 * SILENT_FRAMES, 80), MEL_FLOOR).log()
            window = torch.cat([mel[4 * start : 4 * end], silence])
            out = eac(window[None], code()[None], torch.ones(1))[0]
        made.append(out[first - start : first - start + count].numpy())
    return np.concatenate(made)


@pytest.mark.parametrize("sizes", [[640], [160, 1, 3000], [640 * FRAMES]])
def test_the_stream_equals_the_causal_prediction_of_the_whole_sound(eac, sound, sizes):
    stream = ExpressionStream(eac, code(), 1.0, SHORT)
    made = np.concatenate([*(stream.push(piece) for piece in pieces(sound, sizes)), stream.finish()])
    assert made.shape == (FRAMES, 51)
    np.testing.assert_allclose(made, causal(eac, sound, SHORT), atol=1e-5)


def test_every_frame_comes_within_the_latency(eac, sound):
    assert SHORT.milliseconds == pytest.approx(215.0)
    stream, given = ExpressionStream(eac, code(), 1.0, SHORT), 0
    for heard in range(160, len(sound) + 1, 160):
        given += len(stream.push(sound[heard - 160 : heard]))
        begun = int((heard / 16 - SHORT.milliseconds) // 40) + 1
        assert given >= begun


def test_a_frame_never_knows_sound_after_its_latency(eac, sound):
    known = 640 * 30
    other = np.concatenate([sound[:known], 0.2 * np.ones(len(sound) - known, np.float32)])
    made, changed = (ExpressionStream(eac, code(), 1.0, SHORT).push(one) for one in (sound, other))
    same = (30 - 1 - SHORT.ahead) // SHORT.hop * SHORT.hop
    np.testing.assert_array_equal(made[:same], changed[:same])
    assert np.abs(made[same + 6 :] - changed[same + 6 :]).max() > 1e-3


def test_memory_does_not_grow(eac, sound):
    stream = ExpressionStream(eac, code(), 1.0, SHORT)
    for _ in range(4):
        for piece in pieces(sound, [640]):
            stream.push(piece)
            assert stream._sound.frames <= SHORT.window + SHORT.hop + SHORT.ahead
            assert len(stream._sound._sound._pending) < 2 * 640


def test_another_emotion_fades_in(eac, sound):
    kept, changed, other = (ExpressionStream(eac, code(seed), 1.0, SHORT) for seed in (0, 0, 1))
    half = 640 * 30
    for stream in (kept, changed, other):
        stream.push(sound[:half])
    changed.change(code(1), 1.0)
    old, mixed, new = (stream.push(sound[half:]) for stream in (kept, changed, other))
    np.testing.assert_allclose(mixed[0], old[0] + (new[0] - old[0]) / FADE_FRAMES, atol=1e-6)
    np.testing.assert_allclose(mixed[FADE_FRAMES:], new[FADE_FRAMES:], atol=1e-6)
    assert np.abs(new - old).mean() > 1e-3


def test_mel_in_pieces_is_the_mel_of_the_whole(sound):
    stream = MelStream()
    made = np.concatenate([*(stream.push(piece) for piece in pieces(sound, [1, 700, 160])), stream.finish()])
    np.testing.assert_allclose(made, log_mel(sound), atol=1e-4)


def test_wrong_numbers_are_refused(eac):
    with pytest.raises(UserError, match="hop"):
        Latency(hop=0)
    with pytest.raises(UserError, match="not numbers"):
        ExpressionStream(eac, None).push(np.array([0.1, np.nan], np.float32))
    assert ExpressionStream(eac, None).push(np.zeros(100, np.float32)).shape == (0, 51)
    assert ExpressionStream(eac, None).finish().shape == (0, 51)


def test_a_stream_hears_by_whisper_as_the_whole_sound_would(sound, small_whisper):
    torch.manual_seed(0)
    hearing = EAC(EACConfig(code_dim=8, layers=1, heads=2, width=32, hears="whisper", convolutions=1)).eval()
    torch.nn.init.normal_(hearing.head.weight, std=0.3)
    stream = ExpressionStream(hearing, code(), 1.0, SHORT)
    made = np.concatenate([*(stream.push(piece) for piece in pieces(sound, [640, 100])), stream.finish()])
    wanted = []
    for first in range(0, FRAMES, SHORT.hop):
        count = min(SHORT.hop, FRAMES - first)
        end = min(first + count + SHORT.ahead, FRAMES)
        start = max(0, end - SHORT.window)
        window = np.pad(sound[640 * start : 640 * end], (0, 640 * SILENT_FRAMES))
        with torch.inference_mode():
            out = hearing(torch.from_numpy(hear(window, "whisper"))[None], code()[None], torch.ones(1))[0]
        wanted.append(out[first - start : first - start + count].numpy())
    assert made.shape == (FRAMES, 51)
    np.testing.assert_allclose(made, np.concatenate(wanted), atol=2e-3)
    assert stream._sound.frames <= SHORT.window + SHORT.hop + SHORT.ahead


def test_a_stream_of_whisper_refuses_what_is_not_a_number(small_whisper):
    stream = ExpressionStream(EAC(EACConfig(code_dim=8, layers=1, heads=2, width=32, hears="whisper")), None)
    with pytest.raises(UserError, match="not numbers"):
        stream.push(np.array([0.0, np.nan], np.float32))
