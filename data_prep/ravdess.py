"""RAVDESS's speech to shards: `python -m data_prep.ravdess --root DIR --output DIR`.

Files are named `MM-VC-EE-II-SS-RR-AA` (modality, channel, emotion, intensity, statement, repetition, actor)
and may lie in any folders below the root. With the videos (modality 01, mp4) the shards have faces; a root
with the sounds alone (modality 03) makes signals shards of sound only, which stage align trains on.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from data_prep.clips.file_names import RAVDESS_LEVELS, RAVDESS_NAME, ravdess_level
from data_prep.clips.source import Source
from data_prep.shards.command import Command, Found, not_the_corpus
from lit_emotalk.emotions import RAVDESS_CODES
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.folders import SOUND_SUFFIXES, VIDEO_SUFFIXES, files_below

LAYOUT = "Actor_01/03-01-01-01-01-01-01.wav (sound) or Actor_01/01-01-01-01-01-01-01.mp4 (video)"
WITH_SOUND, WITHOUT_SOUND, SOUND = "01", "02", "03"
SPEECH = "01"
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
ACTORS = range(1, 25)


def find(options: Namespace) -> Found:
    """What the root holds; see `Found`.

    Raises UserError where no file is a RAVDESS recording, saying what was expected and what was found.
    """
    root: Path = options.root
    videos: dict[str, Source] = {}
    sounds: dict[str, Source] = {}
    skipped, others = [], []
    for path, fault in files_below(root, options.output):
        relative = path.relative_to(root).as_posix()
        if fault or path.suffix.lower() not in VIDEO_SUFFIXES + SOUND_SUFFIXES:
            others.append((relative, fault or "neither a video nor a sound by its ending"))
            continue
        try:
            source = _source(path, relative)
            found = sounds if source.video is None else videos
            trial = path.stem[3:]
            if trial in found:
                raise UserError(f"the same recording as {found[trial].relative}")
            found[trial] = source
        except UserError as error:
            skipped.append((relative, str(error)))
    if not videos and not sounds:
        raise not_the_corpus(root, f"RAVDESS's files {LAYOUT}", len(skipped))
    if options.sound_only:
        chosen = {trial: _sound_of(source) for trial, source in videos.items()} | sounds
    else:
        chosen = videos or sounds
        skipped += [
            (source.relative, "there is no video of this sound; --sound-only would take it")
            for trial, source in sounds.items()
            if trial not in chosen
        ]
    sources = sorted(chosen.values(), key=lambda source: source.key)
    return Found("ravdess", sources, skipped + others, _holes(set(chosen)))


def _source(path: Path, relative: str) -> Source:
    match = RAVDESS_NAME.fullmatch(path.stem)
    if match is None:
        raise UserError("the name does not parse, expected MM-VC-EE-II-SS-RR-AA")
    modality, channel, emotion, intensity, statement, repetition, actor = match.groups()
    is_video = path.suffix.lower() in VIDEO_SUFFIXES
    if modality == WITHOUT_SOUND:
        raise UserError("modality 02 is video without sound; the same trial is there with sound as 01")
    if modality != (WITH_SOUND if is_video else SOUND):
        raise UserError(f"modality {modality} and {path.suffix} do not go together")
    if channel != SPEECH:
        raise UserError(f"channel {channel} is not speech (01)")
    if emotion not in RAVDESS_CODES or intensity not in RAVDESS_LEVELS or statement not in STATEMENTS:
        raise UserError(f"emotion {emotion}, intensity {intensity} or statement {statement} is unknown")
    if int(actor) not in ACTORS:
        raise UserError(f"actor {actor} is unknown")
    label = RAVDESS_CODES[emotion]
    level = ravdess_level(label, intensity)
    speaker = f"Actor_{actor}"
    return Source(
        key=f"{speaker}_{label}_{level}_{intensity}-{statement}-{repetition}",
        corpus="ravdess",
        speaker=speaker,
        emotion=label,
        level=level,
        relative=relative,
        video=path if is_video else None,
        audio=None if is_video else path,
        text=STATEMENTS[statement],
    )


def _sound_of(source: Source) -> Source:
    return Source(**{**vars(source), "video": None, "audio": source.video})


def _trials() -> list[str]:
    """The 60 trials of every actor: emotion, intensity, statement, repetition (neutral is never strong)."""
    return [
        f"{SPEECH}-{emotion}-{intensity}-{statement}-{repetition}"
        for emotion in RAVDESS_CODES
        for intensity in RAVDESS_LEVELS
        if (emotion, intensity) != ("01", "02")
        for statement in STATEMENTS
        for repetition in ("01", "02")
    ]


def _holes(found: set[str]) -> list[tuple[str, str]]:
    """(Actor_NN, what is missing) of the 24 actors with 60 trials each."""
    rows = []
    for number in ACTORS:
        missing = [trial for trial in _trials() if f"{trial}-{number:02d}" not in found]
        if missing:
            what = "all" if len(missing) == len(_trials()) else " ".join(missing)
            rows.append((f"Actor_{number:02d}", what))
    return rows


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--sound-only", action="store_true", help="signals shards of the sounds, even where there are videos"
    )


COMMAND = Command(
    "ravdess",
    (__doc__ or "").split("\n")[0],
    LAYOUT,
    find,
    splits="ravdess",
    options=_options,
    deciding=("sound_only",),
)

if __name__ == "__main__":
    run_main(COMMAND.run, "data_prep.ravdess", continues=True)
