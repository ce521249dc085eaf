"""A second picture of the person: taken by models of two sources, refused by others."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from lit_emotalk import TalkingFace
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.errors import UserError
from lit_emotalk.inference.talking_face import coefficients_of
from tests.models.test_hef_drawing import lively
from tests.portraits import renderer_of
from tests.small_models import save_small_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models and two pictures of one head: at rest, and with an open mouth."""
    folder = tmp_path_factory.mktemp("second")
    save_small_models(folder)
    renderer = renderer_of(3, 1, 3)
    for name, jaw in (("rest", 0.0), ("open", 0.9)):
        weights = np.zeros(51, np.float32)
        weights[ARKIT_NAMES.index("jawOpen")] = jaw
        Image.fromarray(renderer.frame(weights, np.zeros(3), np.zeros(2))).save(folder / f"{name}.png")
    return folder


def test_models_of_one_source_refuse_a_second_picture(folder):
    face = TalkingFace.load(folder)
    with pytest.raises(UserError, match=r"network\.sources 2"):
        face.with_second(face.read_portrait(folder / "rest.png"), folder / "open.png")


def test_the_second_picture_is_drawn_from(folder):
    one = TalkingFace.load(folder)
    hef = lively(sources=2)
    with torch.no_grad():
        for block in hef.blocks:
            block.motion.bias[-1] = 6.0
    face = TalkingFace(one.space, one.eac, hef, speed="float32")
    alone = face.read_portrait(folder / "rest.png")
    both = face.with_second(alone, folder / "open.png")
    still = coefficients_of(np.zeros((2, 51)), alone.coefficients[-6:])
    frames = {name: list(face.render(each, still))[1].astype(int) for name, each in
              (("alone", alone), ("both", both), ("itself", replace(alone, second=alone)))}  # fmt: skip
    assert np.abs(frames["alone"] - frames["itself"]).max() <= 1
    assert np.abs(frames["both"] - frames["alone"]).mean() > 1
