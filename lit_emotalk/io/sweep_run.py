"""The run of a W&B sweep that this process is."""

import os


def sweep_run_id() -> str | None:
    """The id that a W&B agent gave to the run which it started; None outside a sweep."""
    return os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
