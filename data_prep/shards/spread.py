"""Work spread over processes: this machine's cores, or an existing Dask or Ray cluster."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import Any

import joblib
from joblib.parallel import get_active_backend

from lit_emotalk.errors import UserError

ROUND = 8
"""Tasks for each worker in a call, where a backend returns all of a call at once (our choice)."""
CLUSTERS = "dask:tcp://HOST:8786, ray:auto or ray:ray://HOST:10001"


@contextmanager
def workers(count: int, cluster: str | None = None) -> Iterator[None]:
    """Within the block `spread` uses `count` processes here or, where given, all of a cluster.

    `cluster` is `dask:ADDRESS` or `ray:ADDRESS`; its machines must see the corpus and the output under the
    same paths and have this package installed. Raises UserError where the cluster's package is not installed
    or it cannot be reached.
    """
    if cluster is None:
        with (
            warnings.catch_warnings(),
            joblib.parallel_config("loky", n_jobs=count, inner_max_num_threads=1),
        ):
            # joblib replaces a worker whose memory grew by 300 MB since its first task, as the frames of a
            # long clip make it grow. It does so between two tasks: nothing is lost.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs")
            yield
        return
    kind, _, address = cluster.partition(":")
    connect = {"dask": _connect_dask, "ray": _connect_ray}.get(kind)
    if connect is None or not address:
        raise UserError(f"--cluster must be like {CLUSTERS}, not '{cluster}'")
    try:
        connection = connect(address)
    except ImportError as error:
        package = {"dask": "distributed", "ray": "ray"}[kind]
        raise UserError(f"--cluster {cluster} needs the package '{package}'; pip install it") from error
    except Exception as error:  # each package has errors of its own
        reason = " ".join(str(error).split())
        raise UserError(f"cannot reach the cluster {cluster}: {reason}") from error
    with connection, joblib.parallel_config(kind, n_jobs=-1):
        yield


def spread(tasks: Iterable[Any], ordered: bool = False) -> Iterator[Any]:
    """Results of joblib's delayed `tasks`, as they come or in order, computed by the workers of the block."""
    backend, jobs = get_active_backend()
    if backend.supports_return_generator:
        kind = "generator" if ordered else "generator_unordered"
        return iter(joblib.Parallel(return_as=kind)(tasks))
    return _in_rounds(iter(tasks), ROUND * backend.effective_n_jobs(jobs))


def _in_rounds(tasks: Iterator[Any], size: int) -> Iterator[Any]:
    """Results of a backend that returns all of a call at once (Ray's), in calls of `size` tasks."""
    with joblib.Parallel() as parallel:  # the workers stay from call to call
        while some := list(islice(tasks, size)):
            yield from parallel(some)


def _connect_dask(address: str) -> Any:
    return import_module("distributed").Client(address)


def _connect_ray(address: str) -> Any:
    connection = import_module("ray").init(address=address, ignore_reinit_error=True)
    import_module("ray.util.joblib").register_ray()
    return connection
