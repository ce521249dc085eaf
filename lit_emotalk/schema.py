"""The shard contract: what a sample of a signals or frames shard holds.

One clip is one sample. A signals shard `signals-NNNNNN.tar` and its frames shard `frames-NNNNNN.tar` hold the
same keys in the same order. A corpus without pictures has signals shards alone: of sound only, whose samples
lack all of `FACE_ENTRIES`, or with coefficients that were acted or captured, whose samples lack
`PICTURE_ENTRIES`.

Version 2 added `whisper.npy`, version 3 `pitch.npy`: older shards lack them, and those that nobody asked
them of.

Times: T video frames at `FPS`; frame t covers samples [640 t, 640 (t + 1)) and mel columns 4t .. 4t + 3.
"""

from typing import Literal

VERSION = 3
READABLE = (1, 2, 3)
"""Versions of shards that can be read."""

FPS = 25
SAMPLE_RATE = 16_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
MEL_BANDS = 80
MEL_HOP = 160
MEL_WINDOW = 640
MEL_LOW_HZ = 55.0
MEL_HIGH_HZ = 7600.0
MEL_FLOOR = 1e-5
MEL_PER_FRAME = SAMPLES_PER_FRAME // MEL_HOP
WHISPER_SIZE = 768
PITCH_SIZE = 2
LANDMARKS = 478

Entry = Literal["mel", "whisper", "pitch"]
"""What is kept of speech, by the name that it has in shards and batches."""

ENTRY_ROWS: dict[Entry, int] = {"mel": MEL_PER_FRAME, "whisper": 1, "pitch": MEL_PER_FRAME}
"""An entry's rows in a video frame."""

ENTRY_SIZES: dict[Entry, int] = {"mel": MEL_BANDS, "whisper": WHISPER_SIZE, "pitch": PITCH_SIZE}
"""Numbers in an entry's row."""

Hears = Literal["mel", "whisper", "voice", "all"]
"""What a network hears of speech: the log-mel spectrogram, the states of Whisper's encoder, the log-mel with
the voice's pitch, or all three."""

HEARD: dict[Hears, tuple[Entry, ...]] = {
    "mel": ("mel",),
    "whisper": ("whisper",),
    "voice": ("mel", "pitch"),
    "all": ("whisper", "mel", "pitch"),
}
"""The entries that it is joined of, side by side."""

ROWS: dict[Hears, int] = {
    hears: min(ENTRY_ROWS[entry] for entry in entries) for hears, entries in HEARD.items()
}
"""Rows of it in a video frame; rows of an entry that has more are joined."""

ROW_SIZES: dict[Hears, int] = {
    hears: sum(ENTRY_SIZES[entry] * ENTRY_ROWS[entry] // ROWS[hears] for entry in entries)
    for hears, entries in HEARD.items()
}
"""Numbers in a row."""

SPLITS: tuple[str, ...] = ("train", "val", "test")

SIGNALS_ENTRIES: dict[str, str] = {
    "json": "the clip's record, see RECORD",
    "mel.npy": "(4T, 80) float16, natural log of the mel magnitude spectrogram, floored at 1e-5",
    "whisper.npy": "(T, 768) float16, the two states of Whisper tiny.en's encoder in each frame; only in "
    "shards made with --hears whisper or all",
    "pitch.npy": "(4T, 2) float16, log2 of the pitch in Hz and its periodicity beside each column of the "
    "log-mel; only in shards made with --hears voice or all",
    "flac": "T * 640 samples, 16 kHz mono, 16 bit",
    "coeffs.npy": "(T, layout.size) float32, expression and pose, read with the speaker's resting shape",
    "single.npy": "(T, layout.expression_size) float32, expression of each frame read on its own, without a "
    "resting shape: what a single picture of an unknown person gives",
    "landmarks.npy": "(T, 478, 3) float16, MediaPipe's mesh in units of the crop (0..1 right and down; depth "
    "in the same unit)",
    "jpg": "the key frame: the crop at the emotion's apex",
}

FRAMES_ENTRIES: dict[str, str] = {
    "json": "the same record",
    "coeffs.npy": "as in the signals shard",
    "landmarks.npy": "as in the signals shard",
    "NNNN.jpg": "the crop of frame NNNN (0000 .. T-1), RGB, square, record['frame_size'] pixels",
}

COEFFICIENT_ENTRIES: tuple[str, ...] = ("coeffs.npy", "single.npy")
PICTURE_ENTRIES: tuple[str, ...] = ("landmarks.npy", "jpg")
FACE_ENTRIES: tuple[str, ...] = (*COEFFICIENT_ENTRIES, *PICTURE_ENTRIES)

RECORD: dict[str, str] = {
    "key": "unique name of the clip, letters, digits, '_' and '-' only: SPEAKER_EMOTION_LEVEL_NAME",
    "corpus": "mead, ravdess, voxceleb2, synthetic, folder, or faces: silent bursts of a few frames",
    "speaker": "speaker's name within the corpus",
    "emotion": "canonical emotion or compound, or null where unknown",
    "level": "1..3, or null where unknown",
    "text": "what is said, or null",
    "frames": "T",
    "frame_size": "pixels of the frames' side, or null without pictures",
    "layout": "name of the coefficient layout, or null for sound only",
    "key_frame": "index of the key frame, or null",
    "crop": "[centre x, centre y, half width] in pixels of the source video, or null",
    "source": "path of the source video relative to the corpus root",
    "phonemes": "[[name, start s, end s], ...] where known, else null",
    "scene": "name of the camera, light and clothes that clips of a speaker share, or null: all of them do",
    "lost_frames": "frames in which no face was found, filled from their neighbours",
}
