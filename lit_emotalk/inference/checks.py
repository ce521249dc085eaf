"""Whether three networks go together, and what they can be asked for."""

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.models.eac import EAC
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.hef.generator import HEF


def check_networks(space: EmotionSpace, eac: EAC, hef: HEF) -> None:
    """UserError: an EAC of one-hot labels, codes of another width than the space's, another layout than the
    generator's."""
    if eac.config.codes == "one_hot":
        raise UserError("this eac is the one-hot baseline: it takes labels, not codes of an emotion space")
    if eac.config.code_dim != space.dim:
        raise UserError(
            f"the eac takes codes of width {eac.config.code_dim}, the emotion space gives {space.dim}: "
            "train stage eac with this export of stage align"
        )
    if eac.config.layout != hef.config.layout:
        raise UserError(
            f"the eac speaks {eac.config.layout}, the hef is driven by {hef.config.layout}: "
            "train both on the same shards"
        )


def check_arkit(eac: EAC, what: str) -> None:
    """UserError for networks of another layout, whose coefficients of a new face nothing here can read."""
    if eac.config.layout != ARKIT.name:
        raise UserError(
            f"these models speak {eac.config.layout}, Deep3DFaceRecon's coefficients: they cannot {what}; "
            "lit-emotalk evaluate draws clips of shards that hold them"
        )
