"""What make would do, also when make runs the tests."""

import os
import shlex
import subprocess

from tests.docs.pages import ROOT


def make_plan(*arguments: str) -> str:
    """The commands that `make ARGUMENTS` would run; AssertionError where it refuses.

    A make above this one hands its variables and options down by the environment, so those are left out.
    """
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    plan = subprocess.run(
        ["make", "-n", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert plan.returncode == 0, f"make {shlex.join(arguments)}: {plan.stderr}"
    return plan.stdout
