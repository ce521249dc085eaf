"""What a report measures: which clips are heard, emotions, lips, reasons of rejection."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from data_prep.clips.record import Clip
from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk.data.manifest import Manifest, read_manifest
from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.real_people.clips import NO_FOLDER, read_clips
from lit_emotalk.evaluate.real_people.emotions import read_emotions
from lit_emotalk.evaluate.real_people.generator import ACROSS, WITHIN, choose
from lit_emotalk.evaluate.real_people.lips import EVERYONE, figures, follow, nearby_lags, speak
from lit_emotalk.evaluate.real_people.preparation import plain_reason, read_preparation
from lit_emotalk.evaluate.tables.spec import Bootstrap
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.metrics.closure import lip_gap
from tests.drawn_clips import TINY_SIZE, draw_clip


def changed(clip: Clip, **record: object) -> Clip:
    """A clip with other facts."""
    return replace(clip, record=clip.record | record)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Manifest:
    """Shards without a training split: a person with a neutral clip in `lab`, of which one clip is steady
    noise, and two strangers in `web` and at the root."""
    noise = np.random.default_rng(0).normal(0, 0.03, 30 * 640).astype(np.float32)
    clips = [
        changed(draw_clip("M001", "neutral", 1, 40), source="lab/a.mp4", scene="lab M001"),
        changed(draw_clip("M001", "happy", 3, 44), source="lab/b.mp4", scene="lab M001"),
        replace(
            changed(draw_clip("M001", "angry", 3, 30), source="lab/c.mp4", scene="lab M001"), samples=noise
        ),
        changed(
            draw_clip("W002", "happy", 3, 50), source="web/d.mp4", emotion=None, level=None, scene="web/d.mp4"
        ),
        changed(draw_clip("M003", "angry", 3, 36), source="e.mp4", emotion=None, level=None, scene="e.mp4"),
    ]
    folder = tmp_path_factory.mktemp("people")
    splits = {"test": ["M001", "W002", "M003"]}
    pack_clips(clips, folder, Corpus("folder", "arkit", TINY_SIZE, splits, "tests"))
    return read_manifest(folder)


@pytest.fixture(scope="module")
def clips(manifest):
    return read_clips(manifest, None)


def test_clips_know_their_corpus_their_person_and_whether_they_are_heard(clips):
    by_file = {clip.shard.frames.record["source"]: clip for clip in clips}
    assert [by_file[f].corpus for f in ("lab/a.mp4", "web/d.mp4", "e.mp4")] == ["lab", "web", NO_FOLDER]
    assert {f for f, clip in by_file.items() if not clip.spoken} == {"lab/c.mp4"}
    assert by_file["lab/a.mp4"].person == by_file["lab/c.mp4"].person != by_file["web/d.mp4"].person
    assert len({clip.person for clip in clips}) == 3
    assert [by_file[f].emotion for f in ("lab/b.mp4", "e.mp4")] == ["happy", ""]


def test_a_limit_takes_a_few_of_all(manifest):
    few = read_clips(manifest, 3)
    assert len(few) == 3 and len({clip.person for clip in few}) > 1


def test_shards_without_faces_are_refused(sound_shards):
    with pytest.raises(UserError, match="no faces in the layout arkit"):
        read_clips(read_manifest(sound_shards), None)


def test_shards_without_pictures_are_refused(acted_shards):
    with pytest.raises(UserError, match="no clip with pictures"):
        read_clips(read_manifest(acted_shards), None)


class Teller:
    """In place of a convertor: names emotions by `names`, key -> name, and says `faces`, key -> (T, 51)."""

    def __init__(self, names=None, faces=None):
        self.names, self.faces = names or {}, faces or {}
        self.space = SimpleNamespace(similarities=lambda code: {EMOTIONS[int(code)]: 1.0})

    def picture(self, signals):
        return torch.tensor(EMOTIONS.index(self.names[signals.key]))

    def voice(self, face):
        return torch.tensor(EMOTIONS.index("sad"))

    def code(self, face, condition, clips):
        assert condition == "audio"

    def expression(self, face, code, intensity):
        return self.faces[face.key]


def test_recalls_are_of_labelled_clips_and_voices_of_heard_ones(clips):
    labelled = [clip for clip in clips if clip.emotion]
    twice = [*clips, *labelled[:1]]
    names = {clip.key: "happy" for clip in labelled} | {labelled[0].key: labelled[0].emotion}
    read = read_emotions(Teller(names), twice)
    picture, voice = read["key picture"], read["voice"]
    true = [EMOTIONS.index(clip.emotion) for clip in twice if clip.emotion]
    found = [EMOTIONS.index(names[clip.key]) for clip in twice if clip.emotion]
    assert picture.clips == 4 and voice.clips == 2
    assert picture.mean_recall == pytest.approx(balanced_accuracy_score(true, found))
    assert picture.counts[true[0], found[0]] >= 2 and picture.counts.sum() == len(true)
    assert voice.recalls == {"neutral": 0.0, "happy": 0.0} and voice.mean_recall == 0


def test_without_labels_nothing_is_read_and_said_why(clips):
    read = read_emotions(Teller(), [clip for clip in clips if not clip.emotion])
    assert all(r.mean_recall is None and "no clip has a label" in r.reason for r in read.values())
    silent = [clip for clip in clips if not clip.spoken]
    read = read_emotions(Teller({clip.key: "sad" for clip in silent}), silent)
    assert read["voice"].reason == "nobody speaks in a clip with a label" and not read["key picture"].reason


def test_lips_are_compared_by_correlation_lag_and_spread(clips):
    face = LinearFace.load()
    late = {c.key: np.roll(c.face.true, 2, 0) * 0.5 for c in clips}
    spoken, still = speak(Teller(faces=late), clips)
    assert still == [] and {s.clip.key for s in spoken} == {c.key for c in clips if c.spoken}
    found = figures(spoken, Bootstrap(samples=200))
    assert set(found) == {EVERYONE, "lab", "web", NO_FOLDER} and found["lab"].correlation.clips == 2
    own = [
        np.corrcoef(lip_gap(face, c.face.true), lip_gap(face, late[c.key]))[0, 1] for c in clips if c.spoken
    ]
    everyone = found[EVERYONE]
    assert everyone.correlation.mean == pytest.approx(np.mean(own), abs=1e-6)
    assert everyone.correlation.low <= everyone.correlation.mean <= everyone.correlation.high
    assert everyone.correlation.speakers == 3
    assert everyone.lag == 2 and everyone.at_lag > 0.95 > everyone.correlation.mean
    spreads = [lip_gap(face, late[c.key]).std() / lip_gap(face, c.face.true).std() for c in clips if c.spoken]
    assert everyone.ratio == pytest.approx(np.median(spreads), rel=1e-5)


def test_a_still_mouth_is_left_out(clips):
    made = {c.key: c.face.true for c in clips}
    frozen = next(c.key for c in clips if c.spoken)
    made[frozen] = np.zeros_like(made[frozen])
    spoken, still = speak(Teller(faces=made), clips)
    assert still == [frozen] and len(spoken) == 3
    assert figures([], Bootstrap()) == {}


def test_lags_reach_five_frames():
    wave = np.sin(np.arange(200) * 0.21) + np.sin(np.arange(200) * 0.053)
    assert nearby_lags().tolist() == list(range(-5, 6))
    curve = follow(wave[10:150], wave[13:153])
    assert nearby_lags()[curve.argmax()] == -3 and curve.max() == pytest.approx(1)
    assert curve[7] == pytest.approx(np.corrcoef(wave[10:148], wave[15:153])[0, 1])


def test_people_with_a_neutral_clip_are_paired_with_it_others_with_themselves(clips):
    kinds = choose(clips, 4)
    assert len(kinds[ACROSS]) == 4 and len(kinds[WITHIN]) == 4
    assert {c.source.record["emotion"] for c in kinds[ACROSS]} == {"neutral"}
    assert {c.source.record["source"] for c in kinds[WITHIN]} == {"web/d.mp4", "e.mp4"}
    assert set(choose([c for c in clips if not c.emotion], 4)) == {WITHIN}


def test_rejections_are_counted_by_reason(manifest, tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "rejected.csv").write_text(
        'source,reason\na/1.mp4,"/my data/a/1.mp4: too quiet, -70 dB, at least -65 needed"\n'
        'a/2.mp4,"/my data/a/2.mp4: too quiet, -81 dB, at least -65 needed"\n'
        "b.mp4,no face found\n"
    )
    (folder / "prepared.json").write_text('{"clips": 5, "frames": 200, "frames_per_second": 61.5}')
    found = read_preparation(replace(manifest, directory=folder))
    assert found.clips == 5 and found.frames == 200 and found.rate == 61.5
    assert found.rejected == {
        "too quiet, -70 dB, at least -65 needed": ["a/1.mp4", "a/2.mp4"],
        "no face found": ["b.mp4"],
    }
    bare = read_preparation(manifest)
    assert bare.clips == 5 and bare.frames is None and bare.rate is None and bare.rejected == {}
    (folder / "rejected.csv").write_text("file\na\n")
    with pytest.raises(UserError, match="lacks the columns source, reason"):
        read_preparation(replace(manifest, directory=folder))


def test_a_reason_is_told_without_its_path():
    assert plain_reason("a.mp4", "/x/a.mp4 has no audio track") == "has no audio track"
    assert (
        plain_reason("a.mp4", "cannot read sound from /x/a.mp4 (no rate)")
        == "cannot read sound from it (no rate)"
    )
    assert plain_reason(str(Path("b/c.mp4")), "no face found") == "no face found"
