"""`lit-emotalk animate`: a portrait, a speech clip and an emotion become a video with sound."""

import argparse
import sys
import time
from pathlib import Path

from lit_emotalk.emotion_request import Emotion, Schedule, parse_blend
from lit_emotalk.errors import UserError
from lit_emotalk.schema import FPS, SAMPLES_PER_FRAME


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lit-emotalk animate", description=__doc__)
    parser.add_argument("--portrait", required=True, help="picture with a face")
    parser.add_argument("--speech", required=True, help="sound file, or a video with sound")
    parser.add_argument("--emotion", metavar="TEXT", help='in words: "a furious person"')
    parser.add_argument("--emotion-image", metavar="FILE", help="a picture of a face that shows it")
    parser.add_argument("--emotion-audio", metavar="FILE", help="a sound of someone speaking with it")
    parser.add_argument("--emotion-video", metavar="FILE", help="a video of a face that shows it")
    parser.add_argument(
        "--emotion-label",
        metavar="NAME",
        help="a canonical emotion's name: happy, happily surprised, ...",
    )
    parser.add_argument(
        "--emotion-blend",
        metavar="BLEND",
        help="weighted labels, words or files: happy:0.7,surprised:0.3 or sad:1,image=FILE:2",
    )
    parser.add_argument(
        "--emotion-schedule",
        metavar="SCHEDULE",
        help='over time: "0s neutral; 1.5s happy 0.8; 4s angry" (the last number is the intensity), or a '
        "txt, csv or json file; one emotion fades into the next over 0.4 s",
    )
    parser.add_argument("--intensity", type=float, default=1.0, help="0..1 (default 1)")
    parser.add_argument("--models", required=True, help="folder with the exports align, eac and hef")
    parser.add_argument("--output", required=True, help="the mp4 to write")
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    parser.add_argument(
        "--face", type=int, help="which face of the portrait, from the left, from 0 (default: largest)"
    )
    parser.add_argument(
        "--motion",
        choices=("natural", "speaking", "none"),
        default="natural",
        help="head motion and blinks; speaking: they follow the speech and the emotion",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the natural motion")
    parser.add_argument(
        "--coefficients-out",
        metavar="CSV",
        help="also write time, 51 ARKit weights and pose, see coefficient_table.py",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    return parser


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input."""
    args = build_parser().parse_args(argv)
    output = checked_output(args.output, args.overwrite)
    from lit_emotalk.audio import is_silent, load_audio, log_mel
    from lit_emotalk.bearing import add_speaking_motion
    from lit_emotalk.coefficient_table import write_coefficients
    from lit_emotalk.motion import add_natural_motion
    from lit_emotalk.pipeline import TalkingFace, coefficients_of
    from lit_emotalk.progress import track
    from lit_emotalk.video import write_video

    began = time.monotonic()
    asked = asked_emotion(args)
    samples = load_audio(args.speech, allow_silence=True)
    mel = log_mel(samples)
    if is_silent(samples):
        print(f"{args.speech} is silent: the face rests", file=sys.stderr)
    face = TalkingFace.load(args.models, args.device)
    portrait = face.read_portrait(args.portrait, args.face)
    if isinstance(asked, Schedule):
        expression = face.scheduled(mel, asked)
    else:
        expression = face.expression(mel, face.code(asked), asked.intensity)
    coefficients = coefficients_of(expression, portrait.coefficients[-6:])
    if args.motion == "natural":
        coefficients = add_natural_motion(coefficients, args.seed)
    elif args.motion == "speaking":
        coefficients = add_speaking_motion(
            coefficients, mel, face.leanings(asked, len(coefficients)), args.seed
        )
    loaded = time.monotonic()
    if args.coefficients_out:
        write_coefficients(args.coefficients_out, coefficients)
    frames = track(face.render(portrait, coefficients), "frames", len(coefficients), "frames")
    write_video(output, frames, fps=FPS, audio=samples[: len(coefficients) * SAMPLES_PER_FRAME])
    done = time.monotonic()
    count = len(coefficients)
    print(
        f"wrote {output}: {count} frames of {face.resolution} px, {count / FPS:.2f} s; "
        f"preparation {loaded - began:.1f} s, "
        f"rendering and encoding {done - loaded:.1f} s ({count / (done - loaded):.1f} frames/s)"
    )


def asked_emotion(args: argparse.Namespace) -> Emotion | Schedule:
    """What the flags ask for; without any the speech's own voice. UserError where they contradict."""
    flags = ("emotion", "image", "audio", "video", "label", "blend", "schedule")
    names = {name: "emotion" if name == "emotion" else f"emotion_{name}" for name in flags}
    given = {name: getattr(args, key) for name, key in names.items() if getattr(args, key) is not None}
    if len(given) > 1:
        options = " and ".join("--" + names[name].replace("_", "-") for name in given)
        raise UserError(f"{options} contradict each other; give one of them")
    if not given:
        print("no emotion given: the speech clip's own voice sets it", file=sys.stderr)
        return Emotion(audio=args.speech, intensity=args.intensity)
    [(name, value)] = given.items()
    if name == "schedule":
        return Schedule.parse(value, args.intensity)
    if name == "blend" or (name == "label" and ":" in value):
        return parse_blend(value, args.intensity)
    return Emotion(**{"text" if name == "emotion" else name: value}, intensity=args.intensity)


def checked_output(name: str, overwrite: bool) -> Path:
    """The output's path, refused where it is no mp4 or exists already."""
    output = Path(name)
    if output.suffix.lower() != ".mp4":
        raise UserError(f"the output must be an .mp4 file, not {output.name}")
    if output.exists() and not overwrite:
        raise UserError(f"{output} exists; give another name or --overwrite")
    return output
