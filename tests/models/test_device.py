"""A device that is not there is one line."""

import pytest
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.models.device import checked_device
from lit_emotalk.models.handover import load_export


def test_a_device_that_is_there_is_given() -> None:
    assert checked_device("cpu") == checked_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("banana", "'banana' is no device; give cpu or cuda"),
        ("", "'' is no device"),
        ("cuda:99", "device cuda:99 needs a CUDA GPU"),
        ("xpu", "device xpu does not work here"),
    ],
)
def test_another_is_one_line(name: str, said: str, tmp_path) -> None:
    for use in (checked_device, lambda device: load_export(tmp_path, "eac", device)):
        with pytest.raises(UserError, match=said) as caught:
            use(name)
        assert "\n" not in str(caught.value)


def test_without_a_gpu_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match="and there is none; give cpu"):
        checked_device("cuda")
