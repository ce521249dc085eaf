"""The linear face's skin."""

import torch

from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.face.basis import LIDS_SKIN, LOWER_SKIN, UPPER_SKIN, LinearFace
from lit_emotalk.face.regions import LEFT_BROW, LEFT_EYE, LIPS, RIGHT_BROW

FACE = LinearFace.load()


def test_skin_moves_as_landmarks_do_but_farther() -> None:
    assert UPPER_SKIN > LOWER_SKIN > 1 and LIDS_SKIN > 1
    ratio = FACE.skin.norm(dim=-1) / FACE.basis.norm(dim=-1).clamp_min(1e-9)
    for points, gain in ((LEFT_BROW + RIGHT_BROW, UPPER_SKIN), (LIPS, LOWER_SKIN), (LEFT_EYE, LIDS_SKIN)):
        found = ratio[ARKIT_NAMES.index("browInnerUp"), list(points)]
        torch.testing.assert_close(found, torch.full_like(found, gain), atol=1e-3, rtol=0)
    torch.testing.assert_close(
        torch.cosine_similarity(FACE.skin, FACE.basis, dim=-1)[FACE.basis.norm(dim=-1) > 1e-3].min(),
        torch.tensor(1.0),
    )
