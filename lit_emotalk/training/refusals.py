"""What is said, in one line, of a command line, a configuration or a checkpoint that does not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jsonargparse import ArgumentError
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf.errors import OmegaConfBaseException

from lit_emotalk.data.workers import raise_if_loader_died
from lit_emotalk.errors import UserError
from lit_emotalk.stages.base import Stage
from lit_emotalk.training.ranks import raise_if_rank_died

MANUAL = {
    "accumulate_grad_batches": (1, "model.init_args.accumulate"),
    "gradient_clip_val": (None, "model.init_args.clip"),
}
"""Arguments of the trainer with the value that does nothing, and those of stages with manual optimisation
(hef) that do the same."""

EMPTY_WORDS = (
    "Does not validate against any of the Union subtypes",
    "Subtypes:",
    "Errors:",
    "Expected a <class 'NoneType'>",
    "Given value",
)
"""Beginnings of lines of the parser's messages that tell a user nothing."""

NO_CONFIG = "Unexpected config:"
"""Words of the parser on a file that is no mapping."""

NO_KERNEL = "does not have a deterministic implementation"
"""Words of torch under --trainer.deterministic true."""

LONGEST_LINE = 400


def refuse_automatic(model: Stage, trainer: dict[str, Any]) -> None:
    """Raises UserError for what the trainer cannot do in a stage that has its own argument for it."""
    for key, (nothing, own) in MANUAL.items() if not model.automatic_optimization else ():
        if trainer.get(key) not in (None, nothing):
            raise UserError(f"stage {model.stage} does not take --trainer.{key}: use --{own}")


def one_line(error: Exception) -> str:
    """What a parser's message of many lines says: the key, and what is wrong with it."""
    lines = [line.strip(" -") for line in str(error).splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(EMPTY_WORDS))[:LONGEST_LINE]


@contextmanager
def said_in_one_line() -> Iterator[None]:
    """Turns errors of the parser, of Lightning's checks, of loaders and of other processes into UserError."""
    try:
        yield
    except MisconfigurationException as error:
        raise UserError(one_line(error)) from error
    except (ArgumentError, OmegaConfBaseException) as error:
        if NO_CONFIG in str(error):
            raise UserError("the file given to --config is empty, or not keys with values") from error
        raise UserError(one_line(error)) from error
    except ValueError as error:
        if isinstance(error.__cause__, UserError):  # raised by a constructor, wrapped by the parser
            raise error.__cause__ from None
        raise
    except RuntimeError as error:
        raise_if_loader_died(error)
        raise_if_rank_died(error)
        if NO_KERNEL in str(error):
            operation = str(error).split()[0]
            raise UserError(
                f"{operation} has no deterministic kernel on this device: set --trainer.deterministic warn"
            ) from error
        if "loading state_dict" in str(error):
            raise UserError(
                "the checkpoint does not fit this configuration; give the one it was trained with, "
                "or another --ckpt_path"
            ) from error
        raise
