"""The gallery's subjects and the moment that it shows."""

import numpy as np
from PIL import Image

from data_prep.synthetic.heads.identity import Identity
from docs.generate.gallery import HEADS, STATUES, carved, person, speaking_frame
from tests.docs.pages import DOCS


def test_statues_are_of_one_material() -> None:
    seed, colour = STATUES[0]
    statue = carved(person(seed), colour)
    assert statue.skin == statue.lips == statue.iris == statue.teeth == colour
    assert statue.beard == "none" and statue.glasses is None and statue.makeup == statue.ruddiness == 0.0
    assert np.allclose(statue.hair.colour, 0.8 * np.array(colour))
    assert Identity.from_json(statue.to_json()) == statue
    assert statue.local == person(seed).local


def test_nobody_is_shown_twice() -> None:
    people = {person(seed).noise for seed in (*HEADS, *(seed for seed, _ in STATUES))}
    assert len(people) == len(HEADS) + len(STATUES)


def test_the_moment_is_one_of_speech_near_the_middle() -> None:
    opening = np.array([0.0, 0.9, 0.0, 0.1, 0.5, 0.2, 0.0, 0.6, 0.0])
    assert speaking_frame(opening) == 4
    opening[4] = 0.2
    assert speaking_frame(opening) in (1, 7)
    assert speaking_frame(np.zeros(7)) == 3


def test_the_pictures_are_small_and_there() -> None:
    for name in ("heads", "statues", "paintings"):
        path = DOCS / "gallery" / f"{name}.jpg"
        assert path.stat().st_size < 300_000
        with Image.open(path) as picture:
            assert picture.width > 1000
