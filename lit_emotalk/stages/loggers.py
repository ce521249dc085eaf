"""Where a run's numbers go: a metrics.csv that survives being interrupted, and W&B without a prompt."""

import csv
import io
import math
import netrc
import os
import sys
import time
import uuid
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from lit_emotalk.io.files import write_text
from lit_emotalk.io.sweep_run import sweep_run_id

WANDB_HOST = "api.wandb.ai"
SAVE_INTERVAL_SECONDS = 5.0


class MetricsCsv(Logger):
    """One row per logged step in `path`, columns by name; new columns are added to the old rows.

    A resumed run appends; rows of steps that it does again are replaced.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: dict[int, dict[str, str]] | None = None
        self._saved = 0.0

    @property
    def name(self) -> str:
        """Name of the run's directory."""
        return self.path.parent.name

    @property
    def version(self) -> str:
        """There is one version only."""
        return ""

    @property
    def log_dir(self) -> str:
        """The run's directory."""
        return str(self.path.parent)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: config.yaml holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add numbers to the row of `step`; what is not a number leaves its cell empty."""
        step = step or 0
        if self.rows is None:
            self.rows = {old: row for old, row in self._read().items() if old < step}
        self.rows.setdefault(step, {}).update(
            {name: f"{float(value):.8g}" for name, value in metrics.items() if not math.isnan(value)}
        )

    @rank_zero_only
    def save(self) -> None:
        """Write the file, at most every few seconds."""
        if time.monotonic() - self._saved >= SAVE_INTERVAL_SECONDS:
            self._write()

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Write the file: a run that is killed continues from here, with all rows until then."""
        self._write()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the file."""
        self._write()

    def _write(self) -> None:
        if self.rows is None:
            return
        self._saved = time.monotonic()
        names = sorted({name for row in self.rows.values() for name in row})
        text = io.StringIO()
        writer = csv.DictWriter(text, ["step", *names])
        writer.writeheader()
        writer.writerows({"step": step, **row} for step, row in sorted(self.rows.items()))
        write_text(self.path, text.getvalue())

    def _read(self) -> dict[int, dict[str, str]]:
        if not self.path.is_file():
            return {}
        with open(self.path, newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        return {int(row.pop("step")): {k: v for k, v in row.items() if v} for row in rows}


def wandb_logger(
    directory: Path, stage: str, name: str, fresh: bool, config: dict[str, Any]
) -> Logger | None:
    """W&B for the run in `directory`: online where the user has logged in, else offline files in its wandb/.

    A resumed run keeps its id, and one of a sweep has the id that its agent gave it; `config` is logged.
    None where WANDB_MODE=disabled, on all ranks but the first, and where W&B cannot start (said in one line).
    Never asks and never waits for a network that it does not need.
    """
    mode = os.environ.get("WANDB_MODE", "online" if logged_in() else "offline")
    if mode == "disabled" or getattr(rank_zero_only, "rank", 0) != 0:
        return None
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb

    identity = directory / "wandb_id.txt"
    if (given := sweep_run_id()) is not None:
        write_text(identity, given)
    elif fresh or not identity.is_file():
        write_text(identity, uuid.uuid4().hex[:12])
    logger = WandbLogger(
        project="lit-emotalk",
        name=f"{stage}-{name}",
        group=os.environ.get("WANDB_RUN_GROUP", stage),
        id=None if given else identity.read_text().strip(),
        save_dir=directory,
        offline=mode == "offline",
        settings=wandb.Settings(console="off", init_timeout=30),
    )
    logger._wandb_init.pop("anonymous", None)  # Lightning passes it; W&B warns that it has no effect
    try:
        logger.experiment.config.update(config, allow_val_change=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        print(f"W&B could not start ({reason}); the run goes on without it", file=sys.stderr)
        return None
    return logger


def finish_wandb() -> None:
    """End this process' W&B run, if one is open, so that another training in the process begins its own."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish()


def logged_in() -> bool:
    """Whether W&B would take runs without asking: by WANDB_API_KEY or ~/.netrc."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return WANDB_HOST in netrc.netrc(os.environ.get("NETRC")).hosts
    except (OSError, netrc.NetrcParseError):
        return False
