"""Loader processes: they outlive a SIGTERM to the whole group, and end with the training process."""

import os
import signal
import threading

from lit_emotalk.errors import UserError

LOOK_SECONDS = 1.0


def obey_parent_only(worker: int) -> None:
    """For a loader process (DataLoader's `worker_init_fn`): take SIGTERM from the training process alone.

    SLURM, `timeout` and the like send it to every process of a job; the training process then still needs
    its loader to come to its next checkpoint. The loader process ends when it gets SIGTERM from the training
    process, and within about `LOOK_SECONDS` when that is gone, whatever it is doing then.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        got = signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS)
        if got is not None and got.si_pid == parent:
            break
    os._exit(0)


def raise_if_loader_died(error: Exception) -> None:
    """Raise UserError where `error` says that a loader process died: in torch's words, or because the
    connection to it broke.

    Torch says so from a signal handler, wherever the training process is at that moment: besides the loader,
    whoever runs the training has to ask.
    """
    if isinstance(error, ConnectionError | EOFError) or "DataLoader worker" in str(error):
        advice = "out of memory? lower data.init_args.num_workers"
        raise UserError(f"a loader process died ({advice})") from error
