"""`lit-emotalk export`: the programs compute what the networks do, also for other sizes."""

import importlib.util

import pytest
import torch
import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.inference import programs
from lit_emotalk.inference.programs import build_programs, export_onnx, export_program
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.handover import load_export, save_export
from lit_emotalk.models.hef.generator import HEF, HEFConfig
from tests.small_models import save_small_models

SIDE = 32


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Small models; the generator has three levels."""
    folder = save_small_models(tmp_path_factory.mktemp("models"))
    save_export(folder / "hef", "hef", HEF(HEFConfig(size="tiny", resolution=SIDE)), None)
    return folder


@pytest.fixture
def loaded(monkeypatch):
    """Name -> program, of all files of programs that are read."""
    found, load = {}, torch.export.load

    def kept(path):
        found[path.name] = load(path)
        return found[path.name]

    monkeypatch.setattr(torch.export, "load", kept)
    return found


def test_the_programs_agree_with_the_networks(models, loaded, tmp_path):
    programs.main(["--models", str(models), "--output", str(tmp_path)])
    card = yaml.safe_load((tmp_path / "programs.yaml").read_text())
    assert set(card["differences"]) == {"eac.pt2", "hef_source.pt2", "hef_frame.pt2"}
    eac, hef = load_export(models / "eac", "eac"), load_export(models / "hef", "hef")
    speech, source, frame = (loaded[name].module() for name in card["differences"])
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for frames in (7, 61):
            mel = torch.randn(1, 4 * frames, 80, generator=generator)
            given = (mel, torch.randn(1, 16, generator=generator), torch.tensor([0.2]))
            torch.testing.assert_close(speech(*given), eac(*given), atol=1e-4, rtol=0)
        image = torch.rand(1, 3, SIDE, SIDE, generator=generator) * 2 - 1
        pyramid = source(image)
        _, _, example = build_programs(eac, hef)
        landmarks, own = example.inputs[1:3]
        for batch in (1, 5):
            driving = own.expand(batch, 27, -1) + 0.1 * torch.rand(batch, 27, 57, generator=generator)
            wanted = hef(hef.encode_source(image, landmarks), own, driving).image
            torch.testing.assert_close(frame(pyramid, landmarks, own, driving), wanted, atol=1e-4, rtol=0)
            assert wanted.std() > 0.01


def test_a_convertor_that_hears_states_is_exported_for_states(models, tmp_path):
    torch.manual_seed(0)
    eac = EAC(EACConfig(code_dim=16, layers=1, heads=2, width=16, hears="whisper", convolutions=1)).eval()
    program = build_programs(eac, load_export(models / "hef", "hef"))[0]
    assert export_program(program, tmp_path) < programs.TOLERANCE
    speech = torch.export.load(tmp_path / "eac.pt2").module()
    given = (torch.randn(1, 61, 768), torch.randn(1, 16), torch.tensor([0.2]))
    with torch.no_grad():
        torch.testing.assert_close(speech(*given), eac(*given), atol=1e-4, rtol=0)


def test_what_differs_is_refused(models, tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "TOLERANCE", -1.0)
    with pytest.raises(UserError, match="differs from its network"):
        programs.main(["--models", str(models), "--output", str(tmp_path)])


def test_missing_models_are_named(tmp_path):
    with pytest.raises(UserError, match="stage 'eac'"):
        programs.main(["--models", str(tmp_path), "--output", str(tmp_path / "o")])


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is not None, reason="the extra [onnx] is here")
def test_onnx_names_its_extra(models, tmp_path):
    eac, hef = load_export(models / "eac", "eac"), load_export(models / "hef", "hef")
    with pytest.raises(UserError, match=r"'\.\[onnx\]'"):
        export_onnx(build_programs(eac, hef)[0], tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs the extra [onnx]")
def test_onnxruntime_computes_what_the_networks_do(models, tmp_path):
    programs.main(["--models", str(models), "--output", str(tmp_path), "--onnx"])
    card = yaml.safe_load((tmp_path / "programs.yaml").read_text())
    found = {name: apart for name, apart in card["differences"].items() if name.endswith(".onnx")}
    assert set(found) == {"eac.onnx", "hef_source.onnx", "hef_frame.onnx"}
    assert max(found.values()) < 1e-3
