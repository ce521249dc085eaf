"""`lit-emotalk animate`: a portrait, a speech clip and an emotion become a video with sound."""

import argparse
import sys
from pathlib import Path

from lit_emotalk.errors import UserError
from lit_emotalk.inference.batch import read_rows, run_batch
from lit_emotalk.inference.emotion.request import Emotion, Schedule, parse_blend
from lit_emotalk.inference.motion.strength import MOST_STRENGTH
from lit_emotalk.inference.options import FRAMES, LONGEST_SIDE, MOTIONS, SPEEDS, Options
from lit_emotalk.inference.output.coefficients import FORMATS
from lit_emotalk.inference.output.files import checked_output
from lit_emotalk.inference.output.provenance import Credentials
from lit_emotalk.inference.steps import Steps
from lit_emotalk.schema import FPS
from lit_emotalk.weights.starter import HELP


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lit-emotalk animate", description=__doc__)
    parser.add_argument("--portrait", help="picture with a face")
    parser.add_argument("--speech", help="sound file, or a video with sound")
    parser.add_argument(
        "--batch",
        metavar="CSV",
        help="make many videos: columns portrait, speech, output and, if wanted, emotion (words, blend or "
        "schedule), intensity, strength, second, face, seed, motion, pose_from, frame; paths are relative to "
        "the CSV; rows whose output exists are skipped",
    )
    parser.add_argument("--emotion", metavar="TEXT", help='in English words: "a furious person"')
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
    parser.add_argument(
        "--strength",
        type=float,
        default=1.0,
        help=f"0..{MOST_STRENGTH:g} (default 1): of the whole expression, speech included; 1.5 exaggerates",
    )
    parser.add_argument("--models", help=f"folder with the exports align, eac and hef ({HELP})")
    parser.add_argument(
        "--output",
        help="what to write: an .mp4 or .webm file, or, without an ending, a folder of png pictures",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    parser.add_argument(
        "--face", type=int, help="which face of the portrait, from the left, from 0 (default: largest)"
    )
    parser.add_argument(
        "--second-portrait",
        metavar="FILE",
        help="another picture of the same person, with an open mouth, say; for models of two sources",
    )
    parser.add_argument(
        "--frame",
        choices=FRAMES,
        default="crop",
        help="show the crop around the face (default), or the whole picture with the face moving in it",
    )
    parser.add_argument(
        "--longest-side",
        type=int,
        default=LONGEST_SIDE,
        metavar="PIXELS",
        help=f"of the video with --frame picture; larger pictures are scaled down (default {LONGEST_SIDE})",
    )
    parser.add_argument(
        "--motion",
        choices=MOTIONS,
        default="natural",
        help="head motion and blinks; speaking: they follow the speech and the emotion",
    )
    parser.add_argument(
        "--pose-from",
        metavar="VIDEO",
        help="take the head motion of this video's face, counted from its middle pose; one shorter than the "
        "speech runs forth and back (blinks stay those of --motion)",
    )
    parser.add_argument(
        "--eyes", action="store_true", help="with --pose-from: take the video's blinks and gaze as well"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the natural motion")
    parser.add_argument(
        "--coefficients-out",
        metavar="FILE",
        help="also write the 51 ARKit weights and the pose of every frame: a .csv table, Audio2Face's .json, "
        "or a .glb head that any glTF viewer plays",
    )
    parser.add_argument(
        "--coefficients-format",
        choices=FORMATS,
        help="csv: our table (default for .csv); livelink: the .csv of Live Link Face; audio2face (.json); "
        "gltf (.glb)",
    )
    parser.add_argument("--mark", action="store_true", help='write "AI-generated" into the picture')
    parser.add_argument(
        "--c2pa",
        nargs=2,
        metavar=("CERTIFICATES", "KEY"),
        help="sign with C2PA content credentials: PEM files of your certificate chain and its key (ES256)",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--speed",
        choices=SPEEDS,
        default="auto",
        help="how frames are drawn: float32, bfloat16 (faster on new processors, over 40 dB from float32), "
        "compiled (for long videos), or auto: measured once on this machine (default)",
    )
    return parser


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input."""
    args = build_parser().parse_args(argv)
    options = Options(
        intensity=args.intensity,
        strength=args.strength,
        face=args.face,
        second=args.second_portrait,
        frame=args.frame,
        motion=args.motion,
        pose_from=args.pose_from,
        eyes=args.eyes,
        seed=args.seed,
        longest_side=args.longest_side,
        coefficients_out=args.coefficients_out,
        coefficients_format=args.coefficients_format,
        overwrite=args.overwrite,
        mark=args.mark,
        credentials=Credentials(*map(Path, args.c2pa)) if args.c2pa else None,
        progress=True,
    )
    if args.eyes and not (args.pose_from or args.batch):
        raise UserError("blinks and gaze need a driving video: give --pose-from with --eyes")
    if args.batch:
        only_one = [
            name
            for name in ("portrait", "speech", "output", "coefficients_out", "coefficients_format")
            if getattr(args, name)
        ]
        if only_one:
            raise UserError(
                f"--batch and --{only_one[0].replace('_', '-')} contradict: the CSV's rows say it"
            )
        rows = read_rows(Path(args.batch))
        run_batch(Path(args.batch), rows, args.models, args.device, options, args.speed)
        return
    absent = [f"--{name}" for name in ("portrait", "speech", "output") if getattr(args, name) is None]
    if absent:
        raise UserError(f"{' and '.join(absent)} must be given (or --batch)")
    checked_output(args.output, args.overwrite)
    asked = asked_emotion(args)
    steps = Steps()
    with steps.step("start-up"):
        from lit_emotalk.inference.talking_face import TalkingFace

        face = TalkingFace.load(args.models, args.device, args.speed)
    made = face.talk(args.portrait, args.speech, args.output, asked, options, steps)
    height, width = made.size
    after = steps.total - steps.seconds["start-up"]
    print(
        f"wrote {made.output}: {made.frames} frames of {width}x{height} px, {made.frames / FPS:.2f} s; "
        f"{made.frames / after:.1f} frames/s after start-up; {steps.summary()}"
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
