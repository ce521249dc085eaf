"""The starter: the models that ship with this package, trained on nobody (lit_emotalk/starter/MODEL_CARD.md).

Where models are asked for and none are named, it is meant; its name `starter` stands for it wherever a folder
of exports, or an export, is named.
"""

import sys
from pathlib import Path

from lit_emotalk.errors import UserError

NAME = "starter"
FOLDER = Path(__file__).parents[1] / NAME
"""Its exports at half precision, how they were made, model card, figures, a portrait and speech of ours."""

STAGES = ("align", "eac", "hef", "sync")
PORTRAIT, SPEECH = "portrait.jpg", "speech.flac"
MANIFEST_NAME = "manifest.json"
HELP = f"default: the {NAME} that ships with this package"


def models_folder(models: Path | str | None) -> Path:
    """The folder of exports that is meant; None, or `starter`: the starter's, said in one line on stderr.

    Raises UserError where this installation has no starter, and where there is no such folder.
    """
    if models is None or Path(models) == Path(NAME):
        if not (FOLDER / MANIFEST_NAME).is_file():
            raise UserError(
                f"this installation lacks the {NAME}'s models ({FOLDER}); install it again, or train models "
                "(make demo FROM=scratch) and name their folder with --models"
            )
        print("models: the starter that ships with lit_emotalk, trained on nobody", file=sys.stderr)
        return FOLDER
    if not Path(models).is_dir():
        raise UserError(
            f"no models at {models}; train them first (make demo), or name their folder; the {NAME} is meant "
            "where none is named"
        )
    return Path(models)


def export_folder(directory: Path | str, stage: str) -> Path:
    """The folder of an export of `stage`: the starter's where `directory` is `starter`, else itself."""
    return FOLDER / stage if Path(directory) == Path(NAME) else Path(directory)


def mended(directory: Path) -> str:
    """What to do where an export is damaged."""
    return "install lit_emotalk again" if FOLDER in directory.parents else "export the stage again"
