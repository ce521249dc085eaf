"""Tables: clustered intervals, bold print, dashes with reasons, the reported block, wrong specs."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.store import SCHEMA
from lit_emotalk.evaluate.tables.build import between_speakers, build
from lit_emotalk.evaluate.tables.command import main
from lit_emotalk.evaluate.tables.spec import Bootstrap, read_spec
from lit_emotalk.evaluate.tables.statistics import clear_winner, estimate, resample
from lit_emotalk.evaluate.tables.write import markdown
from lit_emotalk.metrics.theval_score import MEASURES, QUALITY

PROTOCOL = {
    "stride": 5,
    "identity": "dlib",
    "sync": "none",
    "lpips": False,
    "fid": False,
    "resize": False,
    "data": None,
}
SPEC = """
title: "A table"
rows:
  - {method: ground_truth, name: Truth, competes: false}
  - {method: good, name: Good}
  - {method: bad, name: Bad_one}
  - {method: never, name: Never run}
  - {method: bigger, name: Bigger, absent: needs a GPU}
columns: [psnr, m_lmd, fid]
reported:
  title: reported in the paper
  PC-AVS: {psnr: 27.98, fid: 37.83}
notes: [a remark]
"""


def write_results(path: Path, protocol: dict = PROTOCOL, **header: object) -> Path:
    """Results of three methods on 6 clips of 3 speakers; `good` is better than `bad` on every clip in PSNR
    only."""
    rng = np.random.default_rng(0)
    lines = [{"schema": SCHEMA, "protocol": protocol} | header]
    for i in range(6):
        noise = rng.normal(size=2)
        for method, psnr, lmd in (("ground_truth", 100.0, 0.0), ("good", 30, 2), ("bad", 25, 2)):
            numbers = {"psnr": psnr, "m_lmd": lmd} if method == "ground_truth" else {
                "psnr": psnr + noise[0] + rng.normal() * 0.1, "m_lmd": lmd + rng.normal() * 0.3,
            }  # fmt: skip
            row = {"method": method, "key": f"clip{i}", "speaker": f"M{i // 2}", "metrics": numbers}
            lines.append(row | {"frames": {"used": 50, "side": 128}, "failures": {}})
    lines.append({"method": "bad", "key": "clip9", "speaker": "M0", "metrics": {}, "error": "broken"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_printed_table(tmp_path, capsys):
    (tmp_path / "spec.yaml").write_text(SPEC)
    results = write_results(tmp_path / "results.jsonl")
    main(
        ["--spec", str(tmp_path / "spec.yaml"), "--results", str(results), "--output", str(tmp_path / "out")]
    )
    text = (tmp_path / "out" / "spec.md").read_text()
    assert capsys.readouterr().out.strip() == text.strip()
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    assert "PSNR ↑" in lines["Method"] and "M-LMD ↓" in lines["Method"]
    assert "**" in lines["Good"] and "**" not in lines["Bad_one"] and "**" not in lines["Truth"]
    assert "**" not in lines["Good"].split("|")[3], "no clear winner in M-LMD"
    assert "*37.83*" in lines["*PC-AVS*"]
    assert "-(1)" in lines["Good"].replace(" ", "")
    assert "(1) needs the Inception weights" in text and "no results of this method" in text
    assert "- (3) | - (3)" in lines["Bigger"] and "(3) needs a GPU." in text
    for part in (
        "7 clips of 3 speakers",
        "300 frames",
        "128 pixels",
        "every 5th frame",
        "clip9 (bad)",
        "a remark",
    ):
        assert part in text
    assert "With 3 speakers" in text
    with open(tmp_path / "out" / "spec.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    good = next(r for r in rows if r["method"] == "Good" and r["column"] == "psnr")
    assert (good["clips"], good["speakers"]) == ("6", "3")
    assert float(good["low"]) < float(good["mean"]) < float(good["high"])
    assert {r["block"] for r in rows if r["method"] == "PC-AVS"} == {"reported"}
    tex = (tmp_path / "out" / "spec.tex").read_text()
    assert r"\textbf{" in tex and r"Bad\_one" in tex and r"\color{gray}" in tex and "BOLD" not in tex
    content = json.loads((tmp_path / "out" / "spec.json").read_text())
    assert content["rows"]["Good"]["psnr"]["clips"] == 6


def test_a_file_may_be_named(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC)
    results = write_results(tmp_path / "results.jsonl")
    arguments = [
        "--results",
        str(results),
        "--output",
        str(tmp_path / "table.md"),
        "--spec",
        str(tmp_path / "spec.yaml"),
    ]
    main(arguments)
    assert {path.name for path in tmp_path.glob("table.*")} == {
        "table.md",
        "table.csv",
        "table.tex",
        "table.json",
    }
    with pytest.raises(UserError, match="several specs"):
        main([*arguments, str(tmp_path / "spec.yaml")])


def test_resampling_draws_speakers_and_then_their_clips():
    speakers = ["a", "a", "a", "b", "b", "c"]
    weights = resample(speakers, Bootstrap(samples=400))
    sums = np.stack([weights[:, :3].sum(1), weights[:, 3:5].sum(1), weights[:, 5]], 1)
    assert (sums % [3, 2, 1] == 0).all()
    assert ((sums / [3, 2, 1]).sum(1) == 3).all()
    assert (sums[:, 2] == 0).any() and (sums[:, 2] == 2).any()
    assert np.array_equal(weights, resample(speakers, Bootstrap(samples=400)))


def test_intervals_know_that_clips_of_a_speaker_are_alike():
    rng = np.random.default_rng(0)
    offsets = rng.normal(size=8)
    clustered = {f"{s}-{i}": offsets[s] + 0.01 * rng.normal() for s in range(8) for i in range(10)}
    speakers = {clip: clip.split("-")[0] for clip in clustered}
    apart = {clip: clip for clip in clustered}
    wide, narrow = (estimate(clustered, groups, Bootstrap()) for groups in (speakers, apart))
    assert wide.mean == narrow.mean == pytest.approx(np.mean(list(clustered.values())))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert wide.low < wide.mean < wide.high


def test_coverage_of_the_interval():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(60):
        values = {f"{s}-{i}": m + rng.normal() for s, m in enumerate(rng.normal(size=12)) for i in range(4)}
        found = estimate(values, {c: c.split("-")[0] for c in values}, Bootstrap(samples=300))
        inside += found.low <= 0 <= found.high
    assert inside >= 49


def test_only_a_clear_winner_is_bold():
    rng = np.random.default_rng(0)
    base = {f"c{i}": float(v) for i, v in enumerate(rng.normal(size=30))}
    speakers = {clip: clip[-1] for clip in base}
    better = {clip: v + 0.2 + 0.05 * rng.normal() for clip, v in base.items()}
    equal = {clip: v + rng.normal() for clip, v in base.items()}
    assert clear_winner({"a": base, "b": better}, speakers, False, Bootstrap()) == "b"
    assert clear_winner({"a": base, "b": better}, speakers, True, Bootstrap()) == "a"
    assert clear_winner({"a": base, "b": equal}, speakers, False, Bootstrap()) is None
    assert clear_winner({"a": base}, speakers, False, Bootstrap()) is None
    few = {clip: base[clip] for clip in list(base)[:4]}
    assert clear_winner({"a": few, "b": better}, speakers, False, Bootstrap()) is None, "of four clips"


def test_identity_between_speakers():
    rows = [
        {"speaker": "a", "identity": [1.0, 0.0]},
        {"speaker": "a", "identity": [0.8, 0.6]},
        {"speaker": "b", "identity": [0.0, 1.0]},
    ]
    assert between_speakers(rows) == pytest.approx(0.3)
    assert between_speakers(rows[:2]) is None


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("columns: [psnr", "columns: [psnrr"), "unknown column"),
        (("title:", "titel:"), "unknown key"),
        (("rows:", "#"), "spec|lacks"),
        (("name: Good}", "nam: Good}"), "not a table spec"),
    ],
)
def test_wrong_specs_are_one_line(change, line, tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC.replace(*change))
    with pytest.raises(UserError, match=line):
        read_spec(tmp_path / "spec.yaml")


def test_results_of_other_protocols_are_not_mixed(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC)
    one = write_results(tmp_path / "one.jsonl")
    other = write_results(tmp_path / "other.jsonl", PROTOCOL | {"stride": 1})
    arguments = ["--spec", str(tmp_path / "spec.yaml"), "--output", str(tmp_path / "out"), "--results"]
    with pytest.raises(UserError, match="stride"):
        main([*arguments, str(one), str(other)])
    with pytest.raises(UserError, match="schema version"):
        main([*arguments, str(write_results(tmp_path / "old.jsonl", schema=0))])
    with pytest.raises(UserError, match="no results"):
        main([*arguments, str(tmp_path / "none.jsonl")])
    assert not (tmp_path / "out").exists()


def test_methods_of_other_tables_leave_no_trace(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC.replace("- {method: bad, name: Bad_one}", ""))
    text = markdown(build(read_spec(tmp_path / "spec.yaml"), [write_results(tmp_path / "r.jsonl")]))
    assert "6 clips of 3 speakers" in text and "could not be scored" not in text


@pytest.mark.parametrize("name", ["demo", "embedded", "ravdess", "mead", "ablation"])
def test_committed_specs_are_readable(name):
    spec = read_spec(Path(__file__).parents[2] / "experiments" / "tables" / f"{name}.yaml")
    assert spec.results and len(spec.rows) > 2


def test_reasons_of_rows_stand_below_the_table(tmp_path):
    (tmp_path / "spec.yaml").write_text(
        SPEC.replace("m_lmd, fid]", "theval_score_lip_sync, theval_score_aesthetics, emo_net, theval]")
        .replace("[psnr", "[slcc")
        .replace("fid: 37.83", "slcc: 0.5")
        .replace("psnr: 27.98", "theval: 0.8")
    )
    results = write_results(tmp_path / "results.jsonl")
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    for line in lines[1:-1]:
        line["missing"] = {"slcc": "needs sound", "theval_lip_sync": "needs speech"}
    lines[0]["protocol"]["emotion_network"] = "face-api"
    lines[1]["missing"]["emo_net"] = "the network does not know 'contempt'"
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = build(read_spec(tmp_path / "spec.yaml"), [results])
    truth = dict(table.rows)["Truth"]
    assert truth["slcc"].reason == "needs sound"
    assert truth["theval_score_lip_sync"].reason == "needs speech"
    assert "quality network" in truth["theval_score_aesthetics"].reason
    assert truth["emo_net"].reason == "the network does not know 'contempt'"
    assert truth["theval"].reason == "not measured on any clip"
    assert "18 videos have no SLCC: needs sound." in table.notes
    assert any("backbone face-api" in note for note in table.notes)


def test_measures_that_are_best_near_the_truth_have_no_winner(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC.replace("[psnr, m_lmd, fid]", "[theval_head_motion, psnr]"))
    results = write_results(tmp_path / "results.jsonl")
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    for line in lines[1:-1]:
        line["metrics"]["theval_head_motion"] = line["metrics"]["psnr"]
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = build(read_spec(tmp_path / "spec.yaml"), [results])
    assert table.heading("theval_head_motion") == "Head dyn. →"
    good = dict(table.rows)["Good"]
    assert good["psnr"].bold and not good["theval_head_motion"].bold


def test_the_frames_of_frechets_distances_are_printed(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC.replace("[psnr, m_lmd, fid]", "[e_fid, pose_fid]"))
    results = write_results(tmp_path / "results.jsonl")
    of_all = {"method": "good", "key": "*", "frames": {"e_fid": 310, "e_fid_true": 300}}
    with open(results, "a") as handle:
        handle.write(json.dumps(of_all | {"metrics": {"e_fid": 1.25, "pose_fid": 0.5}}) + "\n")
    table = build(read_spec(tmp_path / "spec.yaml"), [results])
    assert dict(table.rows)["Good"]["e_fid"].value == 1.25
    assert "Generated and true frames in E-FID and pose FID: Good 310 and 300." in table.notes


def test_the_published_totals_are_the_means_of_the_published_scores():
    spec = read_spec(Path(__file__).parents[2] / "experiments" / "tables" / "real_people.yaml")
    five = [f"theval_score_{name}" for name in MEASURES]
    eight = five + [f"theval_score_{name}" for name in QUALITY]
    assert "another set" in spec.reported_title and len(spec.reported) == 6
    for name, row in spec.reported.items():
        assert row["theval"] == pytest.approx(np.mean([row[c] for c in five]), abs=1e-4), name
        assert row["theval_all"] == pytest.approx(np.mean([row[c] for c in eight]), abs=2e-4), name


def test_specs_whose_tables_would_be_one_file_are_refused(tmp_path):
    specs = [tmp_path / folder / "spec.yaml" for folder in ("a", "b")]
    with pytest.raises(UserError, match="two specs are called spec"):
        main(["--spec", *map(str, specs), "--output", str(tmp_path / "out"), "--results", str(tmp_path)])
