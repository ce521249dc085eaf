"""`lit-emotalk fit | validate | test`: LightningCLI over the stages, with runs that continue by themselves.

A run lives in `RUNS/STAGE/NAME/`: `config.yaml` (resolved, can be given to --config again), `run.yaml`
(command, versions, manifest hash), `checkpoints/last.ckpt` (after every epoch), `metrics.csv`, `wandb/`, and
`export/` unless `export_dir` says where the export goes.
"""

import logging
import sys
import warnings
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightning as L
from jsonargparse import set_parsing_settings
from jsonargparse.typing import NonNegativeFloat, NonNegativeInt
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.exceptions import MisconfigurationException, SIGTERMException

from lit_emotalk.data import ShardDataModule
from lit_emotalk.errors import UserError
from lit_emotalk.models.handover import save_export
from lit_emotalk.stages.base import Stage
from lit_emotalk.stages.callbacks import (
    AfterEpochs,
    AtomicCheckpointIO,
    EveryMinutes,
    RunMonitor,
    StopOnNaN,
    progress_callback,
)
from lit_emotalk.stages.loggers import MetricsCsv, finish_wandb, wandb_logger
from lit_emotalk.training.early import checkpoint_file
from lit_emotalk.training.ranks import SameStart, Start, ddp_strategy, first_decides
from lit_emotalk.training.refusals import one_line, refuse_automatic, said_in_one_line
from lit_emotalk.training.run_directory import UNNAMED, RunDirectory, RunFacts, is_first_rank, run_name

Restart = Literal["never", "changed", "always"]

TRAINER_DEFAULTS = {
    "max_epochs": 10,
    "devices": 1,
    "log_every_n_steps": 10,
    "num_sanity_val_steps": 0,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}

QUIET = (
    ".*args parameter is intended to run from within Python.*",
    ".*isinstance.treespec, LeafSpec.*",
    ".*module.s. in eval mode at the start of training.*",
    ".*is smaller than the logging interval.*",
    ".*was deprecated in v4.*",
    ".*JsonargparseDeprecationWarning.*",
    ".*Checkpoint directory .* exists and is not empty.*",
)
"""Warnings about what is meant to be so."""

ADDED_BY_AGENTS = "--_wandb="
"""Beginning of an argument of W&B's own that its agents add to every command."""

SIGTERM_STATUS = 143
"""Of the first rank; the others end with 0, since Lightning's launcher kills the first one where one of them
does not."""

LIGHTNING_INTERRUPTED = 1
"""Exit status with which Lightning ends a training after Ctrl-C."""


class TrainingCLI(LightningCLI):
    """LightningCLI whose runs have a directory, continue from their last epoch, and end with an export."""

    model: Stage
    datamodule: ShardDataModule
    start: Start | None = None
    processes: int = 1

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """The run's own arguments."""
        parser.add_argument("--name", type=str, default=UNNAMED, help="name of the run")
        parser.add_argument("--runs", type=str, default="runs", help="directory of all runs")
        parser.add_argument(
            "--export_dir",
            type=str | None,
            default=None,
            help="where the export goes (null: export/ in the run)",
        )
        parser.add_argument(
            "--export_epochs",
            type=NonNegativeInt,
            default=0,
            help="export after every so many epochs as well (0: at the end alone)",
        )
        parser.add_argument(
            "--export_minutes",
            type=NonNegativeFloat,
            default=0.0,
            help="export whenever so many minutes have passed as well (0: never)",
        )
        parser.add_argument(
            "--restart",
            type=Restart,
            default="never",
            help="begin an existing run anew: never (then a changed one is an error), if changed, or always",
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """fit, validate and test."""
        kept = LightningCLI.subcommands()
        return {name: kept[name] for name in ("fit", "validate", "test")}

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """Build the trainer with the run's callbacks beside those of the YAML; settle how the run starts; add
        its loggers."""
        self._dump_config()
        name, runs = self._get(self.config, "name"), self._get(self.config, "runs")
        self.directory = RunDirectory(Path(runs) / self.model.stage / run_name(name))
        config = self._get(self.config_init, "trainer")
        refuse_automatic(self.model, config)
        trial = bool(config.get("fast_dev_run"))
        kwargs["default_root_dir"] = str(self.directory.path)
        kwargs["plugins"] = [*_as_list(config.get("plugins")), AtomicCheckpointIO()]
        kwargs["callbacks"] = [*_as_list(config.get("callbacks")), *self._callbacks(config, trial)]
        if config.get("logger") is None:
            kwargs["logger"] = False
        try:
            kwargs["strategy"] = ddp_strategy(config, self.model.every_parameter)
            trainer: L.Trainer = self._instantiate_trainer({**config, **kwargs}, [])
        except (MisconfigurationException, ValueError, TypeError) as error:
            raise UserError(f"trainer: {one_line(error)}") from error
        if self.subcommand == "fit" and not trial:
            self.processes = trainer.num_nodes * trainer.num_devices
            self.start = first_decides(trainer, partial(self._begin, self.processes))
            trainer.callbacks.append(SameStart(self.start))  # type: ignore[attr-defined]
            if config.get("logger") is None:
                trainer.loggers = self._loggers()
        return trainer

    def _callbacks(self, config: Any, trial: bool) -> list[Callback]:
        callbacks: list[Callback] = [StopOnNaN(), RunMonitor()]
        if config.get("enable_progress_bar") is not False:
            callbacks += progress_callback()
        if self.subcommand == "fit" and not trial and config.get("enable_checkpointing") is not False:
            callbacks.append(
                ModelCheckpoint(
                    dirpath=self.directory.checkpoints,
                    filename="last",
                    save_top_k=1,
                    every_n_epochs=1,
                    save_on_train_epoch_end=True,
                    enable_version_counter=False,
                )
            )
        every = self._get(self.config, "export_epochs")
        if self.subcommand == "fit" and every and not trial:
            callbacks.append(AfterEpochs(every, self._export))
        minutes = self._get(self.config, "export_minutes")
        if self.subcommand == "fit" and minutes and not trial:
            callbacks.append(EveryMinutes(minutes, self._export))
        return callbacks

    def _loggers(self) -> list[Logger]:
        loggers: list[Logger] = [MetricsCsv(self.directory.path / "metrics.csv")]
        facts = asdict(RunFacts.now(self.config_dump, self.datamodule.manifest.hash, self.processes))
        online = wandb_logger(
            self.directory.path,
            self.model.stage,
            self.directory.path.name,
            self.start is None or self.start.fresh,
            facts.pop("config") | facts,
        )
        return loggers if online is None else [*loggers, online]

    def _begin(self, processes: int) -> Start:
        """Settle whether the run continues or begins. Writes the run's facts."""
        facts = RunFacts.now(self.config_dump, self.datamodule.manifest.hash, processes)
        given = checkpoint_file(self._get(self.config, "ckpt_path"))
        fresh, changes = self.directory.begin(facts, self._get(self.config, "restart"))
        what = "continues from its last checkpoint"
        if fresh:
            what = f"begins from {given}" if given else "begins"
        elif given:
            what += f" ({given} is where a new run would begin)"
        what += f" (seed {self.config_dump['seed_everything']}, processes: {processes})"
        what += f"; changed: {', '.join(changes)}" if changes else ""
        print(f"{self.model.stage}: run {self.directory.path} {what}", file=sys.stderr)
        return Start(fresh, given if fresh else str(self.directory.last))

    def _parse_ckpt_path(self) -> None:
        """Nothing: our checkpoints hold no configuration, and Lightning would read the file for one."""

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        kwargs = super()._prepare_subcommand_kwargs(subcommand)
        given = checkpoint_file(kwargs.get("ckpt_path"))
        if subcommand == "fit":
            kwargs["ckpt_path"] = given if self.start is None else self.start.checkpoint
        elif given is None and not self.directory.last.is_file():
            raise UserError(f"{self.directory.last} is missing; train first or give --ckpt_path")
        else:
            kwargs["ckpt_path"] = given or str(self.directory.last)
        return kwargs

    def after_fit(self) -> None:
        """Write the export of a training that came to its end."""
        trial = self._get(self.config, "trainer").get("fast_dev_run")
        if self.trainer.interrupted or trial or not self.trainer.is_global_zero:
            return
        print(f"{self.model.stage}: exported to {self._export()}", file=sys.stderr, flush=True)

    def _export(self) -> Path:
        """Write the network as it stands; returns where to."""
        target = Path(self._get(self.config, "export_dir") or self.directory.path / "export")
        save_export(target, self.model.stage, self.model.exported(), self.datamodule.manifest.hash)
        return target


def _alone(word: str) -> type[TrainingCLI]:
    """The CLI with one of its subcommands: parsers of the others are not built."""

    class Alone(TrainingCLI):
        @staticmethod
        def subcommands() -> dict[str, set[str]]:
            return {word: TrainingCLI.subcommands()[word]}

    return Alone


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def main(argv: list[str]) -> None:
    """Run `fit`, `validate` or `test`; `argv` begins with that word. Raises UserError for wrong configuration
    or data."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.profilers").setLevel(logging.INFO)  # what --trainer.profiler prints
    for message in QUIET:
        warnings.filterwarnings("ignore", message=message)
    set_parsing_settings(omegaconf_absolute_to_relative_paths=True)
    try:
        with said_in_one_line():
            _alone(argv[0])(
                model_class=Stage,
                datamodule_class=ShardDataModule,
                subclass_mode_model=True,
                subclass_mode_data=True,
                seed_everything_default=0,
                save_config_callback=None,
                trainer_defaults=TRAINER_DEFAULTS,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
                parser_kwargs={"parser_mode": "omegaconf+", "exit_on_error": False},
                args=[word for word in argv if not word.startswith(ADDED_BY_AGENTS)],
            )
    except SIGTERMException:
        if is_first_rank():
            advice = "run the same command again to continue"
            print(f"lit-emotalk {argv[0]}: stopped by SIGTERM; {advice}", file=sys.stderr)
        raise SystemExit(SIGTERM_STATUS if is_first_rank() else 0) from None
    except SystemExit as stop:
        if stop.code == LIGHTNING_INTERRUPTED:
            raise KeyboardInterrupt from None
        raise
    finally:
        finish_wandb()
