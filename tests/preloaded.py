"""What the fork server of `tests.forked` imports once for all processes that tests fork from it."""

import pytest  # noqa: F401

from lit_emotalk.training.early import import_torchmetrics

import_torchmetrics()
from lit_emotalk.models import bert  # noqa: E402, F401
from lit_emotalk.stages import align, eac, hef  # noqa: E402, F401
from lit_emotalk.training import command  # noqa: E402, F401
from tests.stages import dying, one_step, runs, small_stages, toy  # noqa: E402, F401
