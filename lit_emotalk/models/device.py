"""The device that networks run on, checked before anything is loaded."""

import torch

from lit_emotalk.errors import UserError


def checked_device(name: torch.device | str) -> torch.device:
    """The device called `name`; UserError where torch knows no such device or this machine has none."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"'{name}' is no device; give cpu or cuda") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        there = f"{torch.cuda.device_count()} of them" if torch.cuda.device_count() else "none"
        raise UserError(f"device {name} needs a CUDA GPU that torch can use, and there is {there}; give cpu")
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, NotImplementedError, AssertionError, ImportError) as error:
        raise UserError(
            f"device {name} does not work here ({str(error).splitlines()[0]}); give cpu"
        ) from None
    return device
