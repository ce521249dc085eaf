"""The plan of the corpus and making it: whole clips, resumed work, clear errors."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep.synthetic.__main__ import main, parse_arguments
from data_prep.synthetic.corpus import Parameters, assign_splits, plan_corpus
from data_prep.synthetic.make import act, make_clips, make_corpus
from data_prep.synthetic.sheet import draw_sheet
from data_prep.synthetic.speech.visemes import VISEMES
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.emotions import COMPOUNDS, LEVELS, MEAD_EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.regions import POINTS_68
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.files import sha256_file
from lit_emotalk.io.sources import code_text
from lit_emotalk.io.video import probe, read_frames

TINY = Parameters(seed=4, speakers=2, scale="demo", size=128)


def tiny_plan(count: int = 2):
    """The first clips of a small corpus."""
    plan = plan_corpus(TINY)
    return replace(plan, clips=plan.clips[:count])


def hashes(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): sha256_file(path) for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of a corpus, made by one process."""
    root = tmp_path_factory.mktemp("corpus") / "tiny"
    make_corpus(tiny_plan(), root, workers=1, device="cpu")
    return root


def test_demo_plan_has_every_emotion_of_every_speaker() -> None:
    plan = plan_corpus(Parameters(0, 15, "demo", 256))
    assert [len(plan.splits[split]) for split in ("train", "val", "test")] == [11, 1, 3]
    assert len(plan.clips) == len({clip.path for clip in plan.clips}) == 15 * 16
    for speaker in {clip.speaker for clip in plan.clips}:
        own = [clip for clip in plan.clips if clip.speaker == speaker]
        assert {clip.emotion for clip in own} == set(MEAD_EMOTIONS)
        assert {clip.level for clip in own} == {1, 3}
    assert any(c.path == f"{c.speaker}/video/front/angry/level_3/001.mp4" for c in plan.clips)
    assert plan == plan_corpus(Parameters(0, 15, "demo", 256)) != plan_corpus(Parameters(1, 15, "demo", 256))


def test_full_plan_keeps_compounds_and_sentences_out_of_training() -> None:
    plan = plan_corpus(Parameters(0, 48, "full", 256))
    assert sum(len(speakers) for speakers in plan.splits.values()) == 48
    train = [clip for clip in plan.clips if clip.split == "train"]
    held_out = [clip for clip in plan.clips if clip.split == "test"]
    assert not {clip.emotion for clip in train} & set(COMPOUNDS)
    assert {clip.emotion for clip in held_out} == {*MEAD_EMOTIONS, "calm", *COMPOUNDS}
    assert {clip.level for clip in train} == set(LEVELS)
    assert not {clip.text for clip in train} & {clip.text for clip in held_out}
    sexes = {split: {name[0] for name in speakers} for split, speakers in plan.splits.items()}
    assert all(sex == {"M", "W"} for sex in sexes.values())


def test_a_speaker_does_not_depend_on_how_many_there_are() -> None:
    few, many = plan_corpus(Parameters(0, 4, "demo", 256)), plan_corpus(Parameters(0, 9, "demo", 256))
    assert [c for c in few.clips if c.index == 0] == [c for c in many.clips if c.index == 0]


@pytest.mark.parametrize(
    ("speakers", "splits"), [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (48, (35, 3, 10))]
)
def test_splits_of_any_number_of_speakers(speakers: int, splits: tuple[int, int, int]) -> None:
    assigned = assign_splits(speakers)
    assert tuple(assigned.count(split) for split in ("train", "val", "test")) == splits


def test_clips_have_sound_frames_and_truth(corpus: Path) -> None:
    for clip in tiny_plan().clips:
        video = corpus / clip.path
        record = json.loads(video.with_suffix(".json").read_text())
        acted = act(TINY.seed, clip)
        info = probe(video)
        assert (info.width, info.height, info.fps, info.has_audio) == (128, 128, 25, True)
        assert info.frames == record["frames"] == len(acted.weights)
        assert (record["emotion"], record["level"], record["text"]) == (clip.emotion, clip.level, clip.text)
        assert record["phonemes"][0][0] == "sil" and record["identity"]["name"] == clip.speaker
        assert {name for name, _, _ in record["visemes"]} <= set(VISEMES)
        with np.load(video.with_suffix(".npz")) as truth:
            assert np.array_equal(truth["weights"], acted.weights)
            assert truth["rotation"].shape == (info.frames, 3) and truth["translation"].shape == (
                info.frames,
                2,
            )
            assert truth["closed"].dtype == bool and truth["closed"].any()
            assert truth["landmarks"].shape == (info.frames, 68, 2)


def test_true_landmarks_lie_where_a_detector_sees_them(corpus: Path) -> None:
    video = corpus / tiny_plan().clips[0].path
    frames = list(read_frames(video))
    with np.load(video.with_suffix(".npz")) as stored:
        truth, weights = stored["landmarks"], stored["weights"]
    with Landmarker(video=False) as landmarker:
        for frame in (0, len(frames) // 2):
            (face,) = landmarker.detect(frames[frame])
            apart = np.linalg.norm(face.landmarks[list(POINTS_68), :2] - truth[frame], axis=1)
            eyes = np.linalg.norm(truth[frame, 36] - truth[frame, 45])
            assert apart.mean() < 0.08 * eyes and np.median(apart[36:]) < 0.05 * eyes
    gap = np.linalg.norm(truth[:, 66] - truth[:, 62], axis=1)
    assert np.corrcoef(gap, weights[:, ARKIT_NAMES.index("jawOpen")])[0, 1] > 0.7


def test_the_sound_in_the_video_is_in_step_with_the_performance(corpus: Path) -> None:
    clip = tiny_plan().clips[0]
    made, heard = act(TINY.seed, clip).samples, load_audio(corpus / clip.path)
    length = min(len(made), len(heard))
    spectrum = np.fft.rfft(heard[:length], 2 * length) * np.conj(np.fft.rfft(made[:length], 2 * length))
    lag = int(np.fft.irfft(spectrum).argmax())
    assert min(lag, 2 * length - lag) <= 160
    assert abs(len(heard) - len(made)) <= 1280


def test_the_face_is_seen_to_move(corpus: Path) -> None:
    frames = np.stack(list(read_frames(corpus / tiny_plan().clips[0].path))).astype(float)
    assert frames.std() > 10
    assert np.abs(np.diff(frames, axis=0)).mean() > 0.1


def test_a_finished_corpus_is_left_alone(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    make_corpus(tiny_plan(), corpus, workers=1, device="cpu")
    assert before == {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    assert "nothing to do" in capsys.readouterr().err


def test_an_interrupted_corpus_is_finished_and_equal(corpus: Path, tmp_path: Path) -> None:
    root = tmp_path / "again"
    plan = tiny_plan()
    make_corpus(plan, root, workers=1, device="cpu")
    assert hashes(root) == hashes(corpus)
    first, second = plan.clips
    (root / first.path).with_suffix(".json").unlink()
    damaged = root / second.path
    damaged.write_bytes(damaged.read_bytes()[:-100])
    (root / first.path).with_name(".001.abcd.tmp.mp4").write_bytes(b"half")
    make_corpus(plan, root, workers=1, device="cpu")
    assert hashes(root) == hashes(corpus)


def test_clips_of_older_code_are_made_again(corpus: Path, tmp_path: Path) -> None:
    root = tmp_path / "older"
    shutil.copytree(corpus, root)
    listing = json.loads((root / "corpus.json").read_text())
    (root / "corpus.json").write_text(json.dumps(listing | {"code": "older"}))
    clip = root / tiny_plan().clips[0].path
    clip.write_bytes(b"made by older code")
    make_corpus(tiny_plan(), root, workers=1, device="cpu")
    assert hashes(root) == hashes(corpus)


def test_only_what_code_does_counts() -> None:
    source = '"""Old."""\n\ndef f(a):\n    """Old."""\n    return a + 1  # old\n'
    other = '"""New words."""\ndef f(a):\n    """New words."""\n    return (a + 1)\n'
    assert code_text(source) == code_text(other)
    assert code_text(source) != code_text(source.replace("1", "2"))


def test_order_and_company_of_clips_do_not_matter(corpus: Path, tmp_path: Path) -> None:
    clips = tiny_plan().clips
    assert clips[0].scene == clips[1].scene
    make_clips(TINY, clips[::-1], tmp_path, "cpu")
    made = hashes(tmp_path)
    assert made == {name: hash_ for name, hash_ in hashes(corpus).items() if name in made}
    assert len(made) == 6


def test_one_seed_gives_one_corpus_and_another_seed_another(corpus: Path, tmp_path: Path) -> None:
    clip = tiny_plan().clips[0]
    for seed in (TINY.seed, TINY.seed + 1):
        make_clips(replace(TINY, seed=seed), [clip], tmp_path / str(seed), "cpu")
    first, again, other = (root / clip.path for root in (corpus, tmp_path / "4", tmp_path / "5"))
    for suffix in (".npz", ".json"):
        content = first.with_suffix(suffix).read_bytes()
        assert again.with_suffix(suffix).read_bytes() == content != other.with_suffix(suffix).read_bytes()
    assert np.array_equal(list(read_frames(first)), list(read_frames(again)))
    differing = np.abs(next(read_frames(first)).astype(int) - next(read_frames(other))).mean()
    assert differing > 5


@pytest.mark.parametrize("scale", ["demo", "full"])
@pytest.mark.parametrize("speakers", [1, 3, 24])
def test_compounds_are_never_in_a_training_split(scale: str, speakers: int) -> None:
    plan = plan_corpus(Parameters(1, speakers, scale, 256))
    train = set(plan.splits["train"])
    assert train and train == {clip.speaker for clip in plan.clips if clip.split == "train"}
    assert not any(clip.emotion in COMPOUNDS for clip in plan.clips if clip.speaker in train)


def test_another_corpus_in_the_folder_is_refused(corpus: Path, tmp_path: Path) -> None:
    other = plan_corpus(replace(TINY, seed=5))
    with pytest.raises(UserError, match=r"holds another corpus \(seed 4 not 5"):
        make_corpus(other, corpus, 1, "cpu")
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no corpus"):
        make_corpus(other, tmp_path, 1, "cpu")
    (tmp_path / "corpus.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        make_corpus(other, tmp_path, 1, "cpu")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--speakers", "0"], "--speakers must be between 1 and 999"),
        (["--size", "1"], "--size must be an even number"),
        (["--size", "65"], "--size must be an even number"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--workers", "0"], "--workers must be between 1"),
        (["--scale", "huge"], "invalid choice"),
        (["--speakers", "many"], "invalid int"),
    ],
)
def test_absurd_parameters_are_one_line(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        main(["--output", str(tmp_path / "corpus"), *arguments])
    assert not (tmp_path / "corpus").exists()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        make_corpus(tiny_plan(), tmp_path / "file" / "corpus", 1, "cpu")


def test_speakers_default_to_the_scale() -> None:
    assert parse_arguments(["--output", "x"]).speakers == 22
    assert parse_arguments(["--output", "x", "--scale", "full"]).speakers == 48


def test_contact_sheet_shows_the_corpus(corpus: Path, tmp_path: Path) -> None:
    sheet = np.asarray(draw_sheet(corpus, speakers=3, cell=64))
    acts = {(clip.emotion, clip.level) for clip in tiny_plan().clips}
    assert sheet.shape == (22 + 64, 54 + 64 * len(acts), 3)
    assert sheet[22:, 54:].std() > 10
    with pytest.raises(UserError, match="holds no corpus"):
        draw_sheet(tmp_path, 3, 64)
