"""What the fork server of `tests.forked` imports once for all processes that tests fork from it.

These look for garbage among what they make themselves, not among what is imported.
"""

import gc

gc.disable()

import pytest  # noqa: E402, F401

from lit_emotalk.training.early import import_torchmetrics  # noqa: E402

import_torchmetrics()
from lit_emotalk.models import bert  # noqa: E402, F401
from lit_emotalk.stages import align, eac, hef  # noqa: E402, F401
from lit_emotalk.training import command  # noqa: E402, F401
from tests.stages import dying, one_step, runs, small_stages, toy  # noqa: E402, F401

gc.freeze()
gc.enable()
