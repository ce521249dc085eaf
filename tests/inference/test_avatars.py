"""Coefficients for other tools, read back by readers that are not ours."""

import csv
import json
from itertools import pairwise

import numpy as np
import pygltflib
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.output.coefficients import FORMATS, format_of
from lit_emotalk.inference.output.head import EYE, IRIS, METRES, MOUTH, SKIN, build_head
from lit_emotalk.inference.output.live_link import ANGLES, HEADER, SHAPES

FRAMES = 25
LIVE_LINK_FACE = """Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,
EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,
EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,
MouthRight,MouthLeft,MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,
MouthDimpleRight,MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,
MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,
MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,
CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,
LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll""".replace("\n", "").split(",")
"""The first line of a take of Live Link Face, as its importers expect it."""


@pytest.fixture
def coefficients():
    rng = np.random.default_rng(0)
    made = np.zeros((FRAMES, ARKIT.size), np.float32)
    made[:, ARKIT.expression] = rng.uniform(0, 1, (FRAMES, 51))
    made[:, ARKIT.pose] = rng.normal(0, 0.2, (FRAMES, 6))
    return made


def posed(rotation, place=(0.0, 0.0), scale=0.0):
    made = np.zeros((FRAMES, ARKIT.size), np.float32)
    made[:, ARKIT.pose] = (*rotation, *place, scale)
    return made


def rows_of(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def test_live_link_has_the_published_columns_at_60_frames_a_second(coefficients, tmp_path):
    FORMATS["livelink"].write(tmp_path / "take.csv", coefficients)
    assert (tmp_path / "take.csv").read_text().splitlines()[0].split(",") == LIVE_LINK_FACE == list(HEADER)
    rows = rows_of(tmp_path / "take.csv")
    assert len(rows) == 60 and len(LIVE_LINK_FACE) - 2 == 61
    assert all(row["BlendShapeCount"] == "61" for row in rows)
    seconds = []
    for row in rows:
        hours, minutes, whole, frame = row["Timecode"].split(":")
        seconds.append(3600 * int(hours) + 60 * int(minutes) + int(whole) + float(frame) / 60)
    np.testing.assert_allclose(np.diff(seconds), 1 / 60, atol=1e-9)
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in SHAPES)
    assert {row["TongueOut"] for row in rows} == {"0.00000000"}
    for name in ARKIT.names:
        there = [float(row[name[0].upper() + name[1:]]) for row in rows]
        for frame in (0, 5, 10, 15, 20):
            time = frame * 60 // 25
            assert there[time] == pytest.approx(coefficients[frame, ARKIT.names.index(name)], abs=1e-6)


@pytest.mark.parametrize(
    ("rotation", "name", "sign"),
    [
        ((0, 0.3, 0), "HeadYaw", None),
        ((0.3, 0, 0), "HeadPitch", None),
        ((0, 0, 0.3), "HeadRoll", None),
    ],
)
def test_each_axis_of_the_head_is_one_angle(tmp_path, rotation, name, sign):
    FORMATS["livelink"].write(tmp_path / "take.csv", posed(rotation))
    [first, *_] = rows_of(tmp_path / "take.csv")
    turned = Rotation.from_rotvec(rotation).as_matrix()
    nose, crown = turned @ [0, 0, -1], turned @ [0, -1, 0]
    expected = {
        "HeadYaw": np.arctan2(-nose[0], -nose[2]),
        "HeadPitch": np.arcsin(-nose[1]),
        "HeadRoll": np.arctan2(-crown[0], -crown[1]),
    }
    for angle in ("HeadYaw", "HeadPitch", "HeadRoll"):
        wanted = expected[name] if angle == name else 0
        assert float(first[angle]) == pytest.approx(wanted, abs=1e-6), angle
    assert abs(expected[name]) == pytest.approx(0.3)


def test_the_gaze_turns_both_eyes_the_same_way(tmp_path):
    looking = np.zeros((FRAMES, ARKIT.size), np.float32)
    for unit in ("eyeLookOutLeft", "eyeLookInRight", "eyeLookUpLeft", "eyeLookUpRight"):
        looking[:, ARKIT.names.index(unit)] = 0.5
    FORMATS["livelink"].write(tmp_path / "take.csv", looking)
    [first, *_] = rows_of(tmp_path / "take.csv")
    left, right = (
        [float(first[f"{side}Eye{angle}"]) for angle in ("Yaw", "Pitch", "Roll")]
        for side in ("Left", "Right")
    )
    assert left == right == pytest.approx([-np.deg2rad(15), np.deg2rad(15), 0], abs=1e-6)
    assert len(ANGLES) == 9


def test_audio2face_has_names_and_a_matrix(coefficients, tmp_path):
    FORMATS["audio2face"].write(tmp_path / "face.json", coefficients)
    told = json.loads((tmp_path / "face.json").read_text())
    assert set(told) == {"exportFps", "trackPath", "numPoses", "numFrames", "facsNames", "weightMat"}
    assert (told["exportFps"], told["numPoses"], told["numFrames"]) == (25, 52, FRAMES)
    assert set(told["facsNames"]) == {*ARKIT.names, "tongueOut"} and len(told["facsNames"]) == 52
    weights = np.array(told["weightMat"])
    assert weights.shape == (FRAMES, 52) and weights.min() >= 0 and weights.max() <= 1
    columns = [told["facsNames"].index(name) for name in ARKIT.names]
    np.testing.assert_allclose(weights[:, columns], coefficients[:, ARKIT.expression], atol=1e-6)


def accessor(scene, number):
    """The values of an accessor, read by pygltflib's own structures."""
    found = scene.accessors[number]
    view = scene.bufferViews[found.bufferView]
    start = view.byteOffset + (found.byteOffset or 0)
    kind = {5126: np.float32, 5125: np.uint32}[found.componentType]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[found.type]
    values = np.frombuffer(scene.binary_blob(), kind, found.count * width, start).reshape(-1, width)
    np.testing.assert_allclose(values.min(0), found.min, rtol=1e-6)
    np.testing.assert_allclose(values.max(0), found.max, rtol=1e-6)
    return values


def test_the_head_s_morph_targets_are_animated(coefficients, tmp_path):
    FORMATS["gltf"].write(tmp_path / "face.glb", coefficients)
    scene = pygltflib.GLTF2().load(str(tmp_path / "face.glb"))
    [mesh] = scene.meshes
    assert mesh.extras["targetNames"] == list(ARKIT.names)
    assert {len(each.targets) for each in mesh.primitives} == {51} and len(mesh.weights) == 51
    [animation] = scene.animations
    found = {}
    for channel in animation.channels:
        sampler = animation.samplers[channel.sampler]
        times = accessor(scene, sampler.input)[:, 0]
        np.testing.assert_allclose(times, np.arange(FRAMES) / 25, atol=1e-6)
        found[channel.target.path] = accessor(scene, sampler.output)
    weights = found["weights"].reshape(FRAMES, 51)
    np.testing.assert_allclose(weights, coefficients[:, ARKIT.expression], atol=1e-6)
    turned = Rotation.from_quat(found["rotation"]).as_matrix()
    flip = np.diag([1.0, -1.0, -1.0])
    wanted = flip @ Rotation.from_rotvec(coefficients[:, ARKIT.pose][:, :3]).as_matrix() @ flip
    np.testing.assert_allclose(turned, wanted, atol=1e-5)
    assert all(before @ after > 0 for before, after in pairwise(found["rotation"]))
    assert (tmp_path / "face.glb").stat().st_size < 1_000_000


def test_the_head_at_rest_is_a_head_of_a_person_s_size(coefficients, tmp_path):
    FORMATS["gltf"].write(tmp_path / "face.glb", posed((0, 0, 0)))
    loaded = trimesh.load(tmp_path / "face.glb")
    width, height, depth = loaded.extents
    assert 0.12 < width < 0.2 and 0.12 < height < 0.26 and 0.12 < depth < 0.26
    assert len(loaded.geometry) == 4
    skin = next(each for each in loaded.geometry.values() if each.visual.material.name == "skin")
    assert len(skin.faces) > 800 and np.isfinite(skin.vertex_normals).all()
    nose = skin.vertices[skin.vertices[:, 2].argmax()]
    assert abs(nose[0]) < 0.02 and nose[2] > 0


def test_a_target_moves_the_points_as_the_linear_face_does():
    head, face = build_head(), LinearFace.load()
    jaw = ARKIT.names.index("jawOpen")
    moved = head.positions[:468] + head.shapes[jaw][:468]
    wanted = METRES * (face.mean + face.basis[jaw]).numpy()[:468] * [1, -1, -1]
    np.testing.assert_allclose(moved, wanted, atol=1e-6)
    assert head.shapes[jaw][152][1] < 0
    blink = ARKIT.names.index("eyeBlinkLeft")
    closed = head.positions + head.shapes[blink]
    assert closed[473][2] < closed[[386, 374]][:, 2].min()


def test_every_part_faces_outwards():
    head = build_head()
    assert set(head.parts) == {SKIN, EYE, IRIS, MOUTH}
    for part, triangles in head.parts.items():
        corners = head.positions[triangles]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        outward = (
            normal[:, 2] if part != SKIN else (normal * (corners.mean(1) - head.positions.mean(0))).sum(1)
        )
        assert (outward > 0).mean() > (0.8 if part == SKIN else 0.99), part
        assert len(np.unique(triangles)) > 8


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("face.fbx", None, "must end in one of .csv, .json, .glb"),
        ("face.csv", "gltf", "coefficients as gltf are a .glb file"),
        ("face.csv", "fbx", "must be one of csv, livelink, audio2face, gltf"),
    ],
)
def test_what_is_no_format_is_one_line_before_the_work(path, name, said):
    with pytest.raises(UserError, match=said):
        Options(coefficients_out=path, coefficients_format=name)


def test_a_format_needs_a_file():
    with pytest.raises(UserError, match="--coefficients-out"):
        Options(coefficients_format="gltf")
    assert (
        format_of("A.CSV", None) is FORMATS["csv"] and format_of("a.csv", "livelink") is FORMATS["livelink"]
    )
