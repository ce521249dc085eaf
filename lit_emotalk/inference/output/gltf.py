"""Coefficients as a glTF binary: a small head of ours whose 51 morph targets and head pose are animated.

glTF 2.0 (Khronos): metres, y up, the face along +z. The targets have ARKit's names (`extras.targetNames`, as
Blender and three.js read them).
"""

import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.inference.output.head import EYE, IRIS, METRES, MOUTH, SKIN, Head, build_head
from lit_emotalk.inference.output.provenance import STATEMENT
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.version import __version__
from lit_emotalk.schema import FPS

FLOAT, UNSIGNED = 5126, 5125
ARRAY, ELEMENTS = 34962, 34963
"""glTF's codes of component types and of what a buffer view is for."""
MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
COLOURS = {
    SKIN: (0.80, 0.62, 0.53, 1.0),
    EYE: (0.93, 0.92, 0.90, 1.0),
    IRIS: (0.16, 0.11, 0.08, 1.0),
    MOUTH: (0.20, 0.06, 0.06, 1.0),
}
TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}


class _Buffer:
    """Arrays one after the other, each with its view and accessor."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, values: np.ndarray, target: int | None = None) -> int:
        """Append values (N,) or (N, k), float32 or uint32; the number of their accessor."""
        values = np.ascontiguousarray(values)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.content), "byteLength": values.nbytes}
        self.views.append(view if target is None else {**view, "target": target})
        self.content += values.tobytes()
        rows = values.reshape(len(values), -1)
        self.accessors.append(
            {
                "bufferView": len(self.views) - 1,
                "componentType": UNSIGNED if values.dtype == np.uint32 else FLOAT,
                "count": len(rows),
                "type": TYPES[rows.shape[1]],
                "min": rows.min(0).tolist(),
                "max": rows.max(0).tolist(),
            }
        )
        return len(self.accessors) - 1


def write_gltf(path: Path | str, coefficients: np.ndarray) -> None:
    """Write coefficients (T, 57) at 25 fps as a .glb file."""
    buffer = _Buffer()
    head = build_head()
    scene = {
        "asset": {
            "version": "2.0",
            "generator": f"lit_emotalk {__version__}",
            "extras": {"comment": STATEMENT},
        },
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "head", "mesh": 0}],
        "materials": [_material(part) for part in head.parts],
        "meshes": [_mesh(head, buffer)],
        "animations": [_animation(coefficients, buffer)],
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
        "buffers": [{"byteLength": len(buffer.content)}],
    }
    text = json.dumps(scene, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = bytes(buffer.content) + bytes(-len(buffer.content) % 4)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(struct.pack("<III", MAGIC, 2, 12 + 8 + len(text) + 8 + len(binary)))
        file.write(struct.pack("<II", len(text), JSON_CHUNK) + text)
        file.write(struct.pack("<II", len(binary), BINARY_CHUNK) + binary)


def _mesh(head: Head, buffer: _Buffer) -> dict[str, Any]:
    place, normal = (buffer.add(each, ARRAY) for each in (head.positions, _normals(head)))
    targets = [{"POSITION": buffer.add(shape, ARRAY)} for shape in head.shapes]
    primitives = [
        {
            "attributes": {"POSITION": place, "NORMAL": normal},
            "indices": buffer.add(triangles.astype(np.uint32).reshape(-1), ELEMENTS),
            "material": number,
            "targets": targets,
        }
        for number, triangles in enumerate(head.parts.values())
    ]
    names = list(ARKIT.names)
    return {
        "name": "head",
        "primitives": primitives,
        "weights": [0.0] * len(names),
        "extras": {"targetNames": names},
    }


def _material(part: str) -> dict[str, Any]:
    surface = {"baseColorFactor": list(COLOURS[part]), "metallicFactor": 0.0, "roughnessFactor": 0.8}
    return {"name": part, "pbrMetallicRoughness": surface, "doubleSided": True}


def _animation(coefficients: np.ndarray, buffer: _Buffer) -> dict[str, Any]:
    times = buffer.add((np.arange(len(coefficients)) / FPS).astype(np.float32))
    weights = coefficients[:, ARKIT.expression].astype(np.float32).clip(0, 1)
    rotation, place = head_motion(coefficients)
    outputs = {
        "weights": buffer.add(weights.reshape(-1)),
        "rotation": buffer.add(rotation),
        "translation": buffer.add(place),
    }
    samplers = [{"input": times, "output": each, "interpolation": "LINEAR"} for each in outputs.values()]
    channels = [{"sampler": k, "target": {"node": 0, "path": name}} for k, name in enumerate(outputs)]
    return {"name": "speech", "samplers": samplers, "channels": channels}


def head_motion(coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The head's rotation as quaternions x, y, z, w (T, 4), each in its neighbour's half of the sphere, and
    its place (T, 3) in metres from the middle of the picture; how near the camera it is is left out."""
    pose = coefficients[:, ARKIT.pose].astype(np.float64)
    rotation = Rotation.from_rotvec(pose[:, :3] * [1, -1, -1]).as_quat()
    for before, now in pairwise(rotation):
        if before @ now < 0:
            now *= -1
    place = np.zeros((len(pose), 3))
    place[:, :2] = METRES * pose[:, 3:5] * [1, -1] / np.exp(pose[:, 5:6])
    return rotation.astype(np.float32), place.astype(np.float32)


def _normals(head: Head) -> np.ndarray:
    """Unit normals (V, 3): the mean of the triangles around each point, by area."""
    triangles = np.concatenate(list(head.parts.values()))
    corners = head.positions[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.zeros_like(head.positions)
    for corner in range(3):
        np.add.at(sums, triangles[:, corner], normal)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
