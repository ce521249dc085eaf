"""Warp, set up once: no banner, and the error for a device that is not there."""

from typing import Any

import warp as wp

from lit_emotalk.errors import UserError

vars(wp.config).update(quiet=True, log_level=40)  # `quiet` before Warp 1.19, `log_level` (errors only) since

__all__ = ["get_device", "wp"]


def get_device(name: str) -> Any:
    """The Warp device called `name` ("cpu", "cuda:0"); UserError where there is none."""
    try:
        return wp.get_device(name)
    except Exception as error:
        raise UserError(f"warp has no device '{name}' on this machine; use --device cpu") from error
