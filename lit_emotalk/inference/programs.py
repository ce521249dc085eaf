"""`lit-emotalk export`: HEF and EAC as programs that run without this package, by torch.export or as ONNX.

    eac         speech, log-mel (1, 4T, 80) or Whisper's states (1, T, 768), as `programs.yaml` says,
                code (1, D), intensity (1,) -> expression (1, T, 51)
    hef_source  image (1, 3, S, S) in [-1, 1] -> the pyramid, coarse to fine, a picture and features a level
    hef_frame   the pyramid, landmarks (1, 478, 3), source coefficients (1, 57), driving (B, window, 57)
                -> images (B, 3, S, S) in [-1, 1]

T and B are free. Speech longer than EAC's window (`programs.yaml` says it) goes in parts, see `EAC.predict`.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import yaml
from torch import Tensor, nn

from lit_emotalk.coefficients import POSE_SIZE, get_layout
from lit_emotalk.errors import UserError, install_extra
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.io.files import atomic_path, write_text
from lit_emotalk.models.eac import EAC
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hef.blocks import SourceLevel
from lit_emotalk.models.hef.generator import HEF, Source
from lit_emotalk.schema import ROW_SIZES, ROWS
from lit_emotalk.weights.starter import HELP, models_folder

TOLERANCE = 1e-3
"""Largest difference between a program and its network that is accepted; images span 2, expressions 1."""
CARD_NAME = "programs.yaml"
EXAMPLE_FRAMES = 40
EXAMPLE_BATCH = 3
OTHER_FRAMES = 25
OTHER_BATCH = 2
ONNX_OPSET = 20
FRONT_SCALE = -0.9
"""Log scale of the example's face."""


class SourceProgram(nn.Module):
    """HEF's part that runs once per portrait."""

    def __init__(self, hef: HEF) -> None:
        super().__init__()
        self.encoder = hef.encoder

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Image (1, 3, S, S) -> pyramid, a picture and features of each level."""
        return tuple(part for level in self.encoder(image) for part in level)


class FrameProgram(nn.Module):
    """HEF's part that runs for every frame."""

    def __init__(self, hef: HEF) -> None:
        super().__init__()
        self.hef = hef

    def forward(
        self, pyramid: tuple[Tensor, ...], landmarks: Tensor, coefficients: Tensor, driving: Tensor
    ) -> Tensor:
        """The source's pyramid, landmarks (1, 478, 3) and coefficients (1, 57), driving windows
        (B, window, 57) -> images (B, 3, S, S)."""
        levels = [SourceLevel(*pair) for pair in zip(pyramid[::2], pyramid[1::2], strict=True)]
        return self.hef(Source(levels, landmarks), coefficients, driving).image


class SpeechProgram(nn.Module):
    """EAC for one clip."""

    def __init__(self, eac: EAC) -> None:
        super().__init__()
        self.eac = eac

    def forward(self, speech: Tensor, code: Tensor, intensity: Tensor) -> Tensor:
        """Speech (1, 4T, 80) or (1, T, 768), code (1, D), intensity (1,) -> expression (1, T, 51)."""
        return self.eac(speech, code, intensity)


@dataclass(frozen=True)
class Program:
    """A network to export: example inputs, others of other free sizes to compare with, and which sizes are
    free, as torch.export's `dynamic_shapes`."""

    name: str
    network: nn.Module
    inputs: tuple[Any, ...]
    others: tuple[Any, ...]
    free: tuple[Any, ...]


def build_programs(eac: EAC, hef: HEF) -> list[Program]:
    """The three programs, with inputs drawn from a fixed seed."""
    drawn = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=drawn)

    hears = eac.config.hears
    rows = ROWS[hears]

    def speech(frames: int) -> tuple[Tensor, ...]:
        code = nn.functional.normalize(normal(1, eac.config.code_dim), dim=1)
        heard = normal(1, rows * frames, ROW_SIZES[hears]) - (5 if hears == "mel" else 0)
        return heard, code, torch.tensor([0.7])

    side = hef.config.resolution
    image = normal(1, 3, side, side).clamp(-1, 1)
    with torch.no_grad():
        pyramid = SourceProgram(hef)(image)
    units = get_layout(hef.config.layout).expression_size
    pose = torch.zeros(POSE_SIZE)
    pose[-1] = FRONT_SCALE
    mean = LinearFace.load().mean
    landmarks = (mean * pose[-1].exp() / 2 + torch.tensor([0.5, 0.5, 0.0]))[None]

    def driving(*shape: int) -> Tensor:
        expression = torch.rand((*shape, units), generator=drawn) * 0.4
        return torch.cat((expression, pose.expand(*shape, -1)), -1)

    own, window = driving(1), hef.config.window
    frames, batch = torch.export.Dim("frames", min=2, max=2048), torch.export.Dim("batch", min=1, max=64)
    fixed: tuple[dict[int, Any], ...] = tuple({} for _ in pyramid)
    return [
        Program(
            "eac",
            SpeechProgram(eac).eval(),
            speech(EXAMPLE_FRAMES),
            speech(OTHER_FRAMES),
            ({1: rows * frames}, {}, {}),
        ),
        Program("hef_source", SourceProgram(hef).eval(), (image,), (image.flip(3),), ({},)),
        Program(
            "hef_frame",
            FrameProgram(hef).eval(),
            (pyramid, landmarks, own, driving(EXAMPLE_BATCH, window)),
            (pyramid, landmarks, own, driving(OTHER_BATCH, window)),
            (fixed, {}, {}, {0: batch}),
        ),
    ]


@torch.no_grad()
def export_program(program: Program, folder: Path) -> float:
    """Write `<name>.pt2` and return the largest difference of what it computes after loading it again."""
    exported = torch.export.export(program.network, program.inputs, dynamic_shapes=program.free)
    path = folder / f"{program.name}.pt2"
    with atomic_path(path) as temporary:
        torch.export.save(exported, temporary)
    loaded = torch.export.load(path).module()
    return _checked(path, program.network(*program.others), loaded(*program.others))


@torch.no_grad()
def export_onnx(program: Program, folder: Path) -> float:
    """Write `<name>.onnx` and return the largest difference under onnxruntime.

    Raises UserError where the extra `[onnx]` is not installed.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"--onnx needs onnxscript and onnxruntime; {install_extra('onnx')}") from error
    path = folder / f"{program.name}.onnx"
    with atomic_path(path) as temporary:
        made = torch.onnx.export(
            program.network,
            program.inputs,
            dynamic_shapes=program.free,
            dynamo=True,
            opset_version=ONNX_OPSET,
            verbose=False,
        )
        cast(Any, made).save(str(temporary), external_data=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    given = [tensor.numpy() for tensor in _flat(program.others)]
    results = tuple(
        torch.from_numpy(each) for each in session.run(None, dict(zip(names, given, strict=True)))
    )
    return _checked(path, program.network(*program.others), results)


def _checked(path: Path, wanted: Any, got: Any) -> float:
    pairs = zip(_flat(wanted), _flat(got), strict=True)
    apart = max(float((one - other).abs().max()) for one, other in pairs)
    if not apart <= TOLERANCE:
        path.unlink()
        raise UserError(f"{path} differs from its network by {apart:.2g}, more than {TOLERANCE:g}")
    return apart


def _flat(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    return [tensor for value in values for tensor in _flat(value)]


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input."""
    parser = argparse.ArgumentParser(
        prog="lit-emotalk export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", help=f"folder with the exports eac and hef ({HELP})")
    parser.add_argument("--output", required=True, help="folder to write to")
    parser.add_argument("--onnx", action="store_true", help="write ONNX files as well (extra [onnx])")
    args = parser.parse_args(argv)
    models, folder = models_folder(args.models), Path(args.output)
    eac = cast(EAC, load_export(models / "eac", "eac"))
    hef = cast(HEF, load_export(models / "hef", "hef"))
    differences = {}
    for program in build_programs(eac, hef):
        for kind, write in (("pt2", export_program), ("onnx", export_onnx)):
            if kind == "pt2" or args.onnx:
                name = f"{program.name}.{kind}"
                differences[name] = float(f"{write(program, folder):.2g}")
                print(f"wrote {folder / name}: differs by at most {differences[name]:g}")
    card = {
        "resolution": hef.config.resolution,
        "window": hef.config.window,
        "hears": eac.config.hears,
        "code_dim": eac.config.code_dim,
        "speech_window": eac.config.window,
        "speech_overlap": eac.config.overlap,
        "torch": str(torch.__version__),
        "differences": differences,
    }
    write_text(folder / CARD_NAME, yaml.safe_dump(card, sort_keys=False))
