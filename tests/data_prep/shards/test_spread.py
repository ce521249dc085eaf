"""Work over processes, and over a cluster where one is given."""

import sys

import joblib
import pytest

from data_prep.shards.spread import spread, workers
from lit_emotalk.errors import UserError


def square(number: int) -> int:
    return number * number


def tasks(count: int) -> list:
    return [joblib.delayed(square)(number) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2])
def test_every_task_is_done_once(count: int) -> None:
    with workers(count):
        assert sorted(spread(tasks(20))) == [n * n for n in range(20)]
        assert list(spread(tasks(20), ordered=True)) == [n * n for n in range(20)]


@pytest.mark.parametrize("cluster", ["slurm:head", "dask", "ray:", "tcp://head:8786"])
def test_what_is_no_cluster_is_said(cluster: str) -> None:
    with pytest.raises(UserError, match="--cluster must be like dask"), workers(1, cluster):
        pass


@pytest.mark.parametrize(("cluster", "package"), [("dask:tcp://head:1", "distributed"), ("ray:auto", "ray")])
def test_a_missing_package_is_named(cluster: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=f"needs the package '{package}'"), workers(1, cluster):
        pass


def test_a_dask_cluster_does_the_work() -> None:
    distributed = pytest.importorskip("distributed", reason="the package distributed is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        workers(1, f"dask:{cluster.scheduler_address}"),
    ):
        assert sorted(spread(tasks(20))) == [n * n for n in range(20)]
        assert list(spread(tasks(20), ordered=True)) == [n * n for n in range(20)]


def test_a_ray_cluster_does_the_work() -> None:
    ray = pytest.importorskip("ray", reason="the package ray is not installed")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        with workers(1, f"ray:{ray.get_runtime_context().gcs_address}"):
            assert sorted(spread(tasks(40))) == [n * n for n in range(40)]
            assert list(spread(tasks(40), ordered=True)) == [n * n for n in range(40)]
    finally:
        ray.shutdown()


def test_an_unreachable_cluster_is_said() -> None:
    pytest.importorskip("distributed", reason="the package distributed is not installed")
    with (
        pytest.raises(UserError, match="cannot reach the cluster dask"),
        workers(1, "dask:tcp://127.0.0.1:9"),
    ):
        pass
