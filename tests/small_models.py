"""Small untrained exports of align, eac and hef, for tests of what is built on them."""

from pathlib import Path

from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import save_export
from lit_emotalk.models.hef.generator import HEF, HEFConfig


def save_small_models(folder: Path) -> Path:
    """Write the three exports below `folder`, and return it."""
    space = EmotionSpace(EmotionSpaceConfig(dim=16, prompts=4, audio=AudioEncoderConfig(layers=1)))
    space.fit_text()
    save_export(folder / "align", "align", space, None)
    save_export(folder / "eac", "eac", EAC(EACConfig(code_dim=16, layers=1)), None)
    save_export(folder / "hef", "hef", HEF(HEFConfig(size="tiny", resolution=64)), None)
    return folder
