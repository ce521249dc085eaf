"""The whole check on packed clips with sidecars: what it prints and writes, its status, wrong input."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_prep.check_corpus.__main__ import main
from data_prep.check_corpus.clips import read_clips
from data_prep.clips.record import Clip, jpg_bytes
from data_prep.shards.pack import Corpus, pack_clips
from data_prep.synthetic.heads.identity import draw_identity
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.emotions import MEAD_EMOTIONS
from lit_emotalk.errors import UserError
from tests.drawn_clips import draw_clip

FRAMES = 25
SPLITS = {"train": ["M001", "W002"], "test": ["M003"]}
PHONEMES = [["sil", 0.0, 0.1], ["m", 0.1, 0.22], ["a", 0.22, 0.6], ["b", 0.6, 0.7], ["a", 0.7, 1.0]]


def made_clip(speaker: str, emotion: str, level: int) -> Clip:
    """A clip whose face, pitch and jaw tell its emotion, level and phonemes."""
    drawn = draw_clip(speaker, "neutral", 1, FRAMES, size=32)
    place = MEAD_EMOTIONS.index(emotion)
    rng = np.random.default_rng([place, level, int(speaker[1:])])
    coeffs = drawn.coeffs.copy()
    coeffs[:, :51] = 0.02 * rng.random((FRAMES, 51))
    coeffs[:, 3 * place : 3 * place + 3] += 0.2 + 0.2 * level
    time = (np.arange(FRAMES) + 0.5) / 25
    jaw = np.where(((time > 0.22) & (time < 0.6)) | (time > 0.7), 0.6, 0.0)
    coeffs[:, ARKIT_NAMES.index("jawOpen")] = jaw
    seconds = np.arange(FRAMES * 640) / 16000
    pitch = (100 + 40 * place) * rng.uniform(0.98, 1.02)
    voice = sum(np.sin(2 * np.pi * k * pitch * seconds) / k for k in range(1, 8))
    record = drawn.record | {
        "key": f"{speaker}_{emotion}_{level}_001",
        "emotion": emotion,
        "level": level,
        "phonemes": PHONEMES,
        "source": f"{speaker}/video/front/{emotion}/level_{level}/001.mp4",
        "key_frame": 0,
    }
    landmarks = drawn.landmarks.copy()
    landmarks[:, 14, 1] = landmarks[:, 13, 1] + 0.1 * jaw
    breath = 0.02 * rng.standard_normal(len(seconds))
    samples = rng.uniform(0.8, 1.2) * (0.01 + 0.1 * np.repeat(jaw, 640)) * (voice + breath)
    frames = [jpg_bytes(np.zeros((32, 32, 3), np.uint8))] * FRAMES
    return Clip(record, samples, coeffs, coeffs[:, ARKIT.expression], landmarks, frames)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A corpus of three speakers without pictures, and its shards."""
    root = tmp_path_factory.mktemp("made")
    corpus, shards = root / "corpus", root / "shards"
    clips = [
        made_clip(speaker, emotion, level)
        for speakers in SPLITS.values()
        for speaker in speakers
        for emotion in MEAD_EMOTIONS
        for level in ((1,) if emotion == "neutral" else (1, 3))
    ]
    for clip in clips:
        video = corpus / clip.record["source"]
        video.parent.mkdir(parents=True)
        video.touch()
        np.savez(video.with_suffix(".npz"), weights=clip.coeffs[:, :51])
        identity = draw_identity(0, int(clip.record["speaker"][1:]) - 1).to_json()
        video.with_suffix(".json").write_text(json.dumps({"phonemes": PHONEMES, "identity": identity}))
    (corpus / "corpus.json").write_text("{}")
    pack_clips(clips, shards, Corpus("synthetic", "arkit", 32, SPLITS, "tests"), clips_per_shard=64)
    rows = "".join(f"{clip.record['key']},train,{FRAMES},0\n" for clip in clips)
    (shards / "report.csv").write_text("key,split,frames,lost_frames\n" + rows)
    (shards / "rejected.csv").write_text("source,reason\n")
    return corpus, shards


def arguments(made: tuple[Path, Path], output: Path, *more: str) -> list[str]:
    corpus, shards = map(str, made)
    return ["--corpus", corpus, "--shards", shards, "--output", str(output), "--raw-clips", "0", *more]


def test_a_good_corpus_is_found_good(made, tmp_path, capsys) -> None:
    main(arguments(made, tmp_path, "--strict"))
    text = capsys.readouterr().out
    assert text == (tmp_path / "check.md").read_text() and "NOT reached" not in text
    assert text.count("| reached |") >= 9
    found = json.loads((tmp_path / "check.json").read_text())
    assert np.trace(np.array(found["confusion"]["face"])) == 15 and len(found["units"]) == 20
    assert all((tmp_path / f"{name}.png").stat().st_size > 3000 for name in ("confusion", "lips", "units"))


def test_open_lips_fail_only_a_strict_check(made, tmp_path, capsys) -> None:
    corpus, _ = made
    spoiled = sorted(corpus.rglob("001.npz"))[:10]
    kept = {path: path.read_bytes() for path in spoiled}
    try:
        for path in spoiled:
            with np.load(path) as arrays:
                weights = arrays["weights"].copy()
            weights[:, ARKIT_NAMES.index("jawOpen")] = 0.6
            np.savez(path, weights=weights)
        main(arguments(made, tmp_path))
        line = next(row for row in capsys.readouterr().out.splitlines() if "lips closed (gap" in row)
        assert line.endswith("| NOT reached |")
        with pytest.raises(SystemExit) as status:
            main(arguments(made, tmp_path, "--strict"))
        assert status.value.code == 1
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def test_wrong_input_is_one_line(made, tmp_path) -> None:
    corpus, shards = made
    with pytest.raises(UserError, match="holds no made corpus"):
        read_clips(tmp_path, shards)
    with pytest.raises(UserError, match="no shards"):
        read_clips(corpus, tmp_path)
    (tmp_path / "corpus.json").write_text("{}")
    with pytest.raises(UserError, match="another corpus"):
        read_clips(tmp_path, shards)
    with pytest.raises(UserError, match="--raw-clips"):
        main([*arguments(made, tmp_path / "out")[:-1], "-1"])
    sidecar = next(corpus.rglob("001.npz"))
    content = sidecar.read_bytes()
    sidecar.write_bytes(content[:100])
    try:
        with pytest.raises(UserError, match="no truth beside"):
            main(arguments(made, tmp_path / "out"))
    finally:
        sidecar.write_bytes(content)
    assert not (tmp_path / "out").exists()
