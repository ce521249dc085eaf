"""Statistics of a voice: against numpy, made voices, and what must not change them."""

import numpy as np
import pytest
import torch

from lit_emotalk.io.audio import log_mel
from lit_emotalk.io.pitch import pitch_columns
from lit_emotalk.models.voice_statistics import (
    STATISTICS,
    between_ends,
    masked_mean,
    masked_quantile,
    masked_slope,
    masked_spread,
    voice_statistics,
)

RATE = 16_000


def test_masked_statistics_are_numpys_over_what_is_kept():
    rng = np.random.default_rng(0)
    x, time, keep = rng.normal(size=(3, 41)), rng.normal(size=(3, 41)), rng.random((3, 41)) < 0.6
    tensors = [torch.from_numpy(a) for a in (x, keep)]
    for row in range(3):
        kept = x[row][keep[row]]
        wanted = {
            masked_mean(*tensors)[row]: kept.mean(),
            masked_spread(*tensors)[row]: kept.std(),
            masked_quantile(*tensors, 0.9)[row]: np.quantile(kept, 0.9, method="nearest"),
            masked_slope(*tensors, torch.from_numpy(time))[row]: np.polyfit(time[row][keep[row]], kept, 1)[0],
        }
        for value, reference in wanted.items():
            assert float(value) == pytest.approx(reference, abs=1e-9)


def test_statistics_of_nothing_are_zero():
    x, none = torch.randn(2, 9), torch.zeros(2, 9, dtype=torch.bool)
    for value in (masked_mean(x, none), masked_spread(x, none), masked_quantile(x, none, 0.5)):
        assert torch.equal(value, torch.zeros(2))
    assert torch.equal(masked_slope(x, none, x), torch.zeros(2))


def test_between_ends():
    keep = torch.tensor([[0, 1, 0, 1, 0], [0, 0, 0, 0, 0]]).bool()
    assert between_ends(keep).int().tolist() == [[0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]


def spoken(hertz: np.ndarray, level: float = 0.3) -> np.ndarray:
    """A voice of that pitch (N,), with harmonics up to 7.4 kHz, swelling three times a second."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    swell = 1 + 0.8 * np.sin(2 * np.pi * 3 * np.arange(len(hertz)) / RATE)
    count = int(7400 / hertz.max())
    return (level * swell * sum(np.sin(n * phase) / n for n in range(1, count)) / 4).astype(np.float32)


def measured(samples: np.ndarray) -> dict[str, float]:
    mel, pitch = (torch.from_numpy(make(samples))[None] for make in (log_mel, pitch_columns))
    values = voice_statistics(mel, pitch, torch.ones(mel.shape[:2], dtype=torch.bool))
    assert values.shape == (1, len(STATISTICS)) and values.isfinite().all()
    return dict(zip(STATISTICS, values[0].tolist(), strict=True))


def test_a_made_voice_is_measured_right():
    seconds = np.arange(2 * RATE) / RATE
    low = measured(spoken(np.full(2 * RATE, 110.0)))
    assert low["pitch"] == pytest.approx(np.log2(110), abs=0.01) and low["pitch_spread"] < 0.02
    assert low["voiced"] > 0.9 and low["seconds"] == pytest.approx(2, abs=0.1)
    assert low["peaks_a_second"] == pytest.approx(3, abs=0.6) and low["pauses"] < 0.1
    rising = measured(spoken(110 * 2 ** (0.5 * seconds)))
    assert rising["pitch_slope"] == pytest.approx(0.5, abs=0.03)
    assert rising["pitch_range"] == pytest.approx(0.8, abs=0.05)
    assert rising["pitch_end"] > 0.3 > 0 > rising["pitch_begin"]
    quiet = measured(spoken(np.full(2 * RATE, 110.0), 0.03))
    assert low["loudness"] - quiet["loudness"] == pytest.approx(20, abs=0.2)
    assert quiet["tilt"] == pytest.approx(low["tilt"], abs=0.5)


def test_a_pause_is_counted_and_silence_around_changes_nothing():
    voice, hush = spoken(np.full(RATE, 130.0)), np.zeros(RATE // 2, np.float32)
    clip = np.concatenate([hush[:1600], voice, hush, voice, hush[:1600]])
    one = measured(clip)
    assert one["pauses"] == pytest.approx(0.2, abs=0.06) and one["seconds"] == pytest.approx(2.5, abs=0.1)
    around = measured(np.concatenate([hush, clip, hush, hush]))
    for name in STATISTICS:
        assert around[name] == pytest.approx(one[name], rel=0.02, abs=0.05), name


def test_padding_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    mel = 2 * torch.randn(2, 200, 80, generator=generator) - 5
    pitch = torch.stack(
        [7 + torch.rand(2, 200, generator=generator), torch.rand(2, 200, generator=generator)], 2
    )
    mask = torch.ones(2, 200, dtype=torch.bool)
    mask[1, 120:] = False
    values = voice_statistics(mel, pitch, mask)
    mel[1, 120:], pitch[1, 120:] = 9.0, 9.0
    torch.testing.assert_close(voice_statistics(mel, pitch, mask)[0], values[0])
    alone = voice_statistics(mel[1:, :120], pitch[1:, :120], mask[1:, :120])[0]
    for padded in (values[1], voice_statistics(mel, pitch, mask)[1]):
        torch.testing.assert_close(padded, alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("columns", [4, 8, 40])
def test_silence_of_any_length_has_finite_statistics(columns):
    mel, pitch = torch.full((1, columns, 80), -11.5), torch.zeros(1, columns, 2)
    assert voice_statistics(mel, pitch, torch.ones(1, columns, dtype=torch.bool)).isfinite().all()
