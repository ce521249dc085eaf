"""Every command that runs our models takes a device, and loads them there."""

from pathlib import Path

import pytest
import soundfile

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate import showcase
from lit_emotalk.evaluate.coefficients import command as coefficients
from lit_emotalk.evaluate.figures import command as figures
from tests.evaluate.conftest import sound
from tests.small_models import save_small_models

COMMANDS = {
    "coefficients": (coefficients.main, "--models {models} --shards {shards} --output {out}"),
    "compare": (figures.main, "compare --models {models} --shards {shards} --output {out}/a.png"),
    "ablation": (figures.main, "ablation --models A={models} --shards {shards} --output {out}/a.png"),
    "attention": (figures.main, "attention --models {models} --audio {sound} --output {out}/a.png"),
    "curves": (figures.main, "curves --models {models} --shards {shards} --output {out}/a.png"),
    "eac-attention": (figures.main, "eac-attention --models {models} --audio {sound} --output {out}/a.png"),
}


@pytest.fixture(scope="module")
def places(tiny_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("devices")
    save_small_models(folder / "models")
    soundfile.write(folder / "sound.wav", sound(), 16000)
    return {
        "models": folder / "models",
        "shards": tiny_shards,
        "sound": folder / "sound.wav",
        "out": folder / "out",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_models_are_loaded_to_the_device(places: dict[str, Path], name: str) -> None:
    main, arguments = COMMANDS[name]
    with pytest.raises(UserError, match="'nowhere' is no device"):
        main([*arguments.format(**places).split(), "--device", "nowhere"])


def test_the_showcase_takes_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(showcase, "showcase", lambda *arguments: given.extend(arguments))
    words = "showcase --shards a --corpus b --output c --device cuda:1"
    monkeypatch.setattr("sys.argv", words.split())
    showcase.main()
    assert given[-1] == "cuda:1"
