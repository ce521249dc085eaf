"""The paper's networks, as experiments/paper/ sets them, against the words of the paper's supplement."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from lit_emotalk.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.hef.generator import CHANNELS, HEF, STYLE_SIZE, HEFConfig
from lit_emotalk.models.hef.styconv import StyConv
from lit_emotalk.models.transformer import Layer, TransformerEncoder

ROOT = Path(__file__).parents[2]
CLIP_WIDTH = 512
"""Of the codes of CLIP ViT-B/32."""


def model_of(name: str) -> dict[str, Any]:
    """The model's part of an experiment of the paper."""
    content = yaml.safe_load((ROOT / "experiments" / "paper" / f"{name}.yaml").read_text())
    return content["model"]["init_args"]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def in_the_page(number: int) -> bool:
    """Whether docs/paper.md gives this number."""
    return f"{number:,}" in (ROOT / "docs" / "paper.md").read_text()


def torchs_transformer(layers: int, heads: int, width: int) -> nn.Module:
    """PyTorch's own encoder of the sizes that the supplement gives, with feed-forward layers four times as
    wide (Vaswani et al. 2017) and a last norm (ViT)."""
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, norm_first=True, batch_first=True)
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)


def check_transformer(transformer: TransformerEncoder, layers: int, heads: int, width: int) -> None:
    assert len(transformer.layers) == layers
    for layer in transformer.layers:
        assert isinstance(layer, Layer) and layer.attention.heads == heads
        assert layer.attention.qkv.weight.shape == (3 * width, width)
    assert count(transformer) == count(torchs_transformer(layers, heads, width))
    assert in_the_page(count(transformer))


@pytest.fixture(scope="module")
def space() -> EmotionSpace:
    network = model_of("align")["network"]
    return EmotionSpace(EmotionSpaceConfig(**network | {"audio": AudioEncoderConfig(**network["audio"])}))


def test_the_audio_encoder_has_section_1_1(space):
    """A CLS token prepended for pooling, Transformer encoding, a linear layer for projection; 4 layers, 8
    heads, 256 latent dimensions."""
    audio = space.audio
    assert isinstance(audio, AudioEncoder)
    check_transformer(audio.transformer, 4, 8, 256)
    assert audio.cls.shape == (256,)
    assert isinstance(audio.project, nn.Linear) and audio.project.weight.shape == (CLIP_WIDTH, 256)
    mel, mask = torch.randn(1, 4 * 7, 80) - 5, torch.ones(1, 7, dtype=torch.bool)
    assert audio.tokens(mel, mask)[0].shape == (1, 1 + 7, 256), "the CLS token and one token a frame"
    assert in_the_page(count(audio))


def test_the_space_is_clips_and_trains_the_audio_encoder_alone(space):
    config = space.config
    assert (config.text, config.image, config.raw) == ("open_clip", "open_clip", True)
    assert config.open_clip_model.startswith("ViT-B-32") and space.dim == CLIP_WIDTH
    assert space.image_head is None
    weights = model_of("align")["weights"]
    assert {name for name, weight in weights.items() if weight} == {"audio_text", "audio_image"}


def test_the_eac_has_section_1_2():
    """8 layers, 8 heads, 256 latent dimensions; and section 2.3: the prepended token models the intensity."""
    config = EACConfig(code_dim=CLIP_WIDTH, **model_of("eac")["network"])
    eac = EAC(config)
    check_transformer(eac.transformer, 8, 8, 256)
    mel, code = torch.randn(1, 4 * 9, 80) - 5, torch.randn(1, CLIP_WIDTH)
    weak, strong = (eac.tokens(mel, code, torch.tensor([level]), None, None) for level in (0.0, 1.0))
    assert weak.shape == (1, 1 + 9, 256)
    torch.testing.assert_close(weak[:, 1:], strong[:, 1:])
    assert not torch.equal(weak[:, 0], strong[:, 0])
    assert in_the_page(count(eac))


def generator(name: str) -> HEF:
    """A generator of the paper's without memory for its weights."""
    with torch.device("meta"):
        return HEF(HEFConfig(**model_of(name)["network"]))


def test_hef_has_the_styconv_of_section_1_3():
    """A, Mod and Demod are affine transform, modulation and demodulation: parameters of A, of one shared
    convolution, and a bias; Mod and Demod have none."""
    hef = generator("hef")
    found = [module for module in hef.modules() if isinstance(module, StyConv)]
    levels, style = CHANNELS["base"][:6], STYLE_SIZE["base"]
    assert [block.expand.unit.shape[0] for block in hef.blocks] == list(levels)
    assert len(found) == 3 * len(levels)
    for layer in found:
        wide, narrow = layer.unit.shape[:2]
        assert count(layer) == (style + 1) * narrow + 9 * narrow * wide + wide
    assert hef.guide is None and hef.encoder.enlarge == 1
    assert all(block.hints is None for block in hef.blocks)
    assert in_the_page(count(hef))


def test_the_variants_of_section_1_4_differ_in_flow_and_image_alone():
    full, no_residual, no_hierarchy = (generator(name) for name in ("hef", "hef_wo_res", "hef_wo_hie"))
    assert count(full) == count(no_residual)
    shared = [
        width for width, side in zip(CHANNELS["base"], full.config.resolutions, strict=False) if side != 32
    ]
    assert count(full) - count(no_hierarchy) == sum(2 * (9 * width + 1) for width in shared), (
        "without hierarchy only the level of 32 pixels has a head for the flow"
    )
    assert [block.flow_rule for block in full.blocks] == ["residual"] * 6
    assert [block.flow_rule for block in no_residual.blocks] == ["whole"] * 6
    assert [block.flow_rule for block in no_hierarchy.blocks].count("shared") == 5
    assert in_the_page(count(no_hierarchy))


def test_the_papers_losses_on_pictures_are_l1_vgg19_and_adversarial():
    names = ("hef", "hef_wo_res", "hef_wo_hie")
    for name in names:
        model = model_of(name)
        assert {loss for loss, weight in model["weights"].items() if weight} == {
            "image", "perceptual", "adversarial",
        }  # fmt: skip
        assert model["perceptual"] == "vgg19" and model["discriminator"] is not None
    full, *others = (model_of(name) for name in names)
    for model, variant in zip(others, ("wo_res", "wo_hie"), strict=True):
        assert model["network"]["variant"] == variant
        model["network"]["variant"] = "full"
        assert model == full


def test_the_page_has_no_empty_cell_and_names_what_is_there():
    lines = (ROOT / "docs" / "paper.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert len(rows) > 40 and all(all(row) for row in rows)
    words = " ".join(lines).replace("`", " ").replace(",", " ").replace(";", " ").split()
    named = {
        word.rstrip(".:)").lstrip("(")
        for word in words
        if word.startswith(("tests/", "experiments/", "lit_"))
    }
    files = {word.split("::")[0] for word in named}
    assert len(files) > 25 and not [file for file in files if not list(ROOT.glob(file))]
    tests = {tuple(word.split("::")) for word in named if "::" in word}
    rooms = tuple(f"{folder.name}/" for folder in (ROOT / "lit_emotalk").iterdir() if folder.is_dir())
    code = {word.rstrip(".") for word in words if word.startswith(rooms)}
    assert len(code) > 20 and not [file for file in code if not (ROOT / "lit_emotalk" / file).exists()]
    assert not [name for file, name in tests if f"def {name}(" not in (ROOT / file).read_text()]
