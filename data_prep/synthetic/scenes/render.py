"""Pictures of a synthetic person: one call a frame, a pure function of identity, scene, unit weights and
pose.
"""

import zlib
from typing import Any

import numpy as np

from data_prep.synthetic.heads.appearance import bake
from data_prep.synthetic.heads.clothes import NECKLINES, dress
from data_prep.synthetic.heads.glasses import build_glasses
from data_prep.synthetic.heads.hair import build_hair, join
from data_prep.synthetic.heads.head import (
    Head,
    gaze_rotation,
    rotation_matrices,
    rotation_matrix,
    to_template_axes,
)
from data_prep.synthetic.heads.identity import Identity
from data_prep.synthetic.heads.texture import linear
from data_prep.synthetic.heads.wrinkles import fold_weights
from data_prep.synthetic.rays.device import get_device, wp
from data_prep.synthetic.rays.kernels import (
    Pose,
    clear,
    draw,
    find_normals,
    find_overlap,
    light_view,
    morph,
    part_lips,
    place,
)
from data_prep.synthetic.rays.resolve import Surface, resolve
from data_prep.synthetic.rays.shading import Lights, Look
from data_prep.synthetic.scenes.backdrop import paint_backdrop
from data_prep.synthetic.scenes.occlusion import ambient_occlusion
from data_prep.synthetic.scenes.scene import Scene
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.errors import UserError

SHADOW_SIDE, SHADOW_REACH = 256, 2.6


class Renderer:
    """Renders one person in one scene at `size` x `size` on a Warp device ("cpu", "cuda:0").

    UserError if the size is not from 32 to 2048 or the device is unknown.
    """

    def __init__(self, identity: Identity, scene: Scene, size: int = 256, device: str = "cpu") -> None:
        if not 32 <= size <= 2048:
            raise UserError(
                f"frames of the synthetic corpus must have a side of 32 to 2048 pixels, got {size}"
            )
        self.device = get_device(device)
        self.identity, self.scene, self.size = identity, scene, size
        self.head = Head(identity)
        self._view = rotation_matrix(np.array([scene.turn[1], scene.turn[0], 0.0], np.float32))
        self._load_geometry()
        self._load_looks()

    def frame(self, weights: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """One picture, uint8 (size, size, 3) RGB.

        `weights` (51,) in ARKIT_NAMES order, `rotation` (3,) of the head, radians in image axes (x right, y
        down, z away), `translation` (2,) of the person in the frame, half widths (right, down).
        """
        weights = np.ascontiguousarray(weights, np.float32)
        rotation = np.asarray(rotation, np.float32)
        translation = np.asarray(translation, np.float32)
        pose = self._pose(weights, rotation, translation)
        self._move(weights, pose)
        self._launch(clear, self._shadow.shape[0], [self._shadow])
        lights = self._lights
        self._launch(
            light_view,
            self._count,
            [
                self._position,
                lights.shadow_rotation,
                lights.shadow_middle,
                lights.shadow_scale,
                lights.shadow_half,
                self._light_screen,
            ],
        )
        self._draw(self._light_screen, self._shadow, SHADOW_SIDE, 1.0)
        self._launch(clear, self._buffer.shape[0], [self._buffer])
        self._draw(self._screen, self._buffer, 2 * self.size, 2.0)
        named = dict(zip(ARKIT_NAMES, weights.tolist(), strict=True))
        folds = np.ascontiguousarray(fold_weights(named, self.identity.wrinkles).ravel())
        self._surface.folds.assign(folds)
        seed = zlib.crc32(weights.tobytes() + rotation.tobytes() + translation.tobytes()) & 0xFFFF
        wp.launch(
            resolve,
            (self.size, self.size),
            [
                self._surface,
                lights,
                self._look_now(weights, pose, named),
                self._buffer,
                self.size,
                self._backdrop,
                self.scene.grain,
                seed,
                self._image,
            ],
            device=self.device,
        )
        return self._image.numpy().copy()

    def lip_gap(self, weights: np.ndarray) -> float:
        """Largest opening between the inner lips divided by the mouth's width at rest (see Head.lip_gap)."""
        return self.head.lip_gap(np.asarray(weights, np.float32))

    def screen(self) -> np.ndarray:
        """The head's vertices in the last frame: (V, 3) float32, x and y in pixels (0 is the left or upper
        edge of the picture) and 1 / depth."""
        return self._screen.numpy()[: len(self.head.rest)]

    def _launch(self, kernel: Any, count: int, arguments: list[Any]) -> None:
        wp.launch(kernel, count, arguments, device=self.device)

    def _array(self, values: np.ndarray, dtype: Any) -> Any:
        return wp.array(np.ascontiguousarray(values), dtype=dtype, device=self.device)

    def _load_geometry(self) -> None:
        head, hair = self.head, join([build_hair(self.head), *build_glasses(self.head)])
        own, extra = len(head.rest), len(hair.vertices)
        rest = np.concatenate([head.rest, hair.vertices])
        self._count = own + extra
        triangles = np.concatenate([head.triangles, hair.triangles + own]).astype(np.int32)
        parts = np.concatenate([head.parts, hair.parts]).astype(np.int32)
        self._triangles, self._parts = self._array(triangles, int), self._array(parts, int)
        rest[:own] = dress(head.rest, head.template.vertices, self.scene.neckline)
        self._rest = self._array(rest, wp.vec3)
        moved = np.abs(head.basis).max(2) > 1e-5
        vertex, unit = np.nonzero(moved.T)
        starts = np.zeros(self._count + 1, np.int32)
        starts[1 : own + 1] = np.cumsum(moved.sum(0))
        starts[own + 1 :] = starts[own]
        self._starts, self._unit = self._array(starts, int), self._array(unit.astype(np.int32), int)
        self._delta = self._array(head.basis[unit, vertex], wp.vec3)
        contact = head.contact
        self._upper, self._lower = (
            self._array(contact.upper.astype(np.int32), int),
            self._array(contact.lower.astype(np.int32), int),
        )
        self._lips, self._share = (
            self._array(contact.vertices.astype(np.int32), int),
            self._array(contact.share, float),
        )
        self._overlap = wp.zeros(len(contact.upper), dtype=float, device=self.device)
        eye = np.zeros(self._count, np.int32)
        eye[head.eyes[0]], eye[head.eyes[1]] = 1, 2
        self._eye = self._array(eye, int)
        self._neck = self._array(np.concatenate([head.neck, hair.neck]), wp.vec2)
        corner = triangles.ravel()
        order = np.argsort(corner, kind="stable")
        self._around = self._array((order // 3).astype(np.int32), int)
        self._around_starts = self._array(
            np.searchsorted(corner[order], np.arange(self._count + 1)).astype(np.int32), int
        )
        self._points, self._position, self._screen, self._light_screen, self._normals = (
            wp.zeros(self._count, dtype=wp.vec3, device=self.device) for _ in range(5)
        )
        self._buffer = wp.zeros(4 * self.size * self.size, dtype=wp.int64, device=self.device)
        self._shadow = wp.zeros(SHADOW_SIDE * SHADOW_SIDE, dtype=wp.int64, device=self.device)
        self._image = wp.zeros((self.size, self.size, 3), dtype=wp.uint8, device=self.device)
        self._weights = wp.zeros(51, dtype=float, device=self.device)
        occlusion = ambient_occlusion(rest, triangles, parts, own)
        occlusion[own:] = hair.occlusion
        template = head.template
        surface = Surface()
        surface.triangles, surface.parts, surface.screen = self._triangles, self._parts, self._screen
        surface.position, surface.normals = self._position, self._normals
        surface.place = self._array(
            np.concatenate([template.vertices, np.zeros((extra, 3), np.float32)]), wp.vec3
        )
        surface.occlusion = self._array(occlusion, float)
        surface.masks = self._array(
            np.concatenate([template.masks, np.zeros((extra, 4), np.float32)]), wp.vec4
        )
        surface.uv = self._array(np.concatenate([np.pad(template.lash, ((0, 0), (0, 1))), hair.uv]), wp.vec3)
        surface.shadow_map, surface.shadow_side = self._shadow, SHADOW_SIDE
        self._surface = surface

    def _load_looks(self) -> None:
        identity, scene = self.identity, self.scene
        textures = bake(identity)
        surface = self._surface
        surface.skin, surface.relief = (
            self._array(textures.skin, wp.vec4),
            self._array(textures.relief, wp.vec4),
        )
        surface.wrinkle = self._array(textures.wrinkle, wp.vec4)
        surface.strands = self._array(textures.strands, float)
        surface.folds = wp.zeros(24, dtype=float, device=self.device)
        self._backdrop = self._array(paint_backdrop(scene, self.size), wp.vec3)
        lights = Lights()
        for name in ("key", "fill", "rim"):
            setattr(lights, f"{name}_direction", wp.vec3(*getattr(scene, f"{name}_direction")))
            setattr(lights, f"{name}_colour", wp.vec3(*getattr(scene, f"{name}_colour")))
        lights.sky, lights.ground, lights.exposure = (
            wp.vec3(*scene.sky),
            wp.vec3(*scene.ground),
            scene.exposure,
        )
        forward = np.array(scene.key_direction)
        side = np.cross([0.0, 1.0, 0.0], forward)
        side /= np.linalg.norm(side)
        lights.shadow_rotation = wp.mat33(
            *np.stack([side, np.cross(forward, side), forward]).ravel().tolist()
        )
        lights.shadow_middle = wp.vec3(0.0, -0.3, -scene.distance - 0.4)
        lights.shadow_scale, lights.shadow_half = SHADOW_SIDE / 2 / SHADOW_REACH, SHADOW_SIDE / 2
        self._lights = lights

    def _pose(self, weights: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> Any:
        head, scene = self.head, self.scene
        pose = Pose()
        pose.upper, pose.lower = wp.vec3(*head.joints[1].tolist()), wp.vec3(*head.joints[0].tolist())
        pose.half_turn = wp.vec3(*(to_template_axes(rotation) / 2).tolist())
        pose.centre = wp.vec3(*head.centre.tolist())
        pose.view = wp.mat33(*self._view.ravel().tolist())
        shift = (np.asarray(scene.centre) + translation) * scene.half_width
        pose.offset = wp.vec3(float(shift[0]), float(-shift[1]), -scene.distance)
        pose.focal = self.size / 2 * scene.distance / scene.half_width
        pose.middle = self.size / 2
        pose.eye_left, pose.eye_right = (wp.vec3(*centre.tolist()) for centre in head.eye_centres)
        pose.gaze_left, pose.gaze_right = (
            wp.mat33(*rotation_matrix(gaze_rotation(weights, side)).ravel().tolist()) for side in (0, 1)
        )
        return pose

    def _move(self, weights: np.ndarray, pose: Any) -> None:
        self._weights.assign(weights)
        self._launch(
            morph,
            self._count,
            [self._rest, self._starts, self._unit, self._delta, self._weights, self._points],
        )
        self._launch(find_overlap, len(self._upper), [self._points, self._upper, self._lower, self._overlap])
        self._launch(part_lips, len(self._lips), [self._points, self._lips, self._share, self._overlap])
        self._launch(
            place, self._count, [self._points, self._neck, self._eye, pose, self._position, self._screen]
        )
        self._launch(
            find_normals,
            self._count,
            [self._position, self._triangles, self._around_starts, self._around, self._normals],
        )

    def _draw(self, screen: Any, buffer: Any, side: int, resolution: float) -> None:
        surface = self._surface
        arguments = [
            screen,
            self._triangles,
            self._parts,
            surface.uv,
            surface.strands,
            side,
            resolution,
            buffer,
        ]
        self._launch(draw, len(self._parts), arguments)

    def _look_now(self, weights: np.ndarray, pose: Any, named: dict[str, float]) -> Any:
        identity, scene, head = self.identity, self.scene, self.head
        half = np.array(pose.half_turn, np.float32)
        turn = rotation_matrices(half[None])[0]
        whole = self._view @ turn @ turn

        def seen(point: np.ndarray) -> np.ndarray:
            upper, lower = head.joints[1], head.joints[0]
            moved = turn @ (turn @ (point - upper) + upper - lower) + lower
            return self._view @ (moved - head.centre) + np.array(pose.offset)

        look = Look()
        look.up = wp.vec3(*whole[:, 1].tolist())
        look.lips, look.lip_gloss = wp.vec3(*linear(identity.lips).tolist()), 0.35 + 0.5 * identity.makeup
        look.teeth, look.iris = (
            wp.vec3(*linear(identity.teeth).tolist()),
            wp.vec3(*linear(identity.iris).tolist()),
        )
        look.hair, look.grey = wp.vec3(*linear(identity.hair.colour).tolist()), identity.hair.grey
        look.hair_gloss, look.curl = identity.hair.gloss, identity.hair.curl
        top = np.array([0.0, head.eye_centres[:, 1].mean() + 1.25, -0.1], np.float32)
        look.hair_pole = wp.vec3(*seen(top).tolist())
        glasses = identity.glasses
        if glasses is not None:
            look.rim, look.rim_gloss = wp.vec3(*linear(glasses.colour).tolist()), glasses.gloss
        look.cloth = wp.vec3(*linear(scene.cloth).tolist())
        look.neckline = wp.vec4(*NECKLINES[scene.neckline])
        look.eye_left, look.eye_right = (wp.vec3(*seen(centre).tolist()) for centre in head.eye_centres)
        frames = [(whole @ rotation_matrix(gaze_rotation(weights, side))).T for side in (0, 1)]
        look.frame_left, look.frame_right = (wp.mat33(*frame.ravel().tolist()) for frame in frames)
        look.iris_angle, look.pupil = 0.46, 0.36 + 0.06 * max(named["eyeWideLeft"], named["eyeWideRight"])
        look.mouth_open = float(np.clip(named["jawOpen"] * 2.5 + 0.5 * named["mouthFunnel"] + 0.3, 0, 1))
        look.lash = wp.vec3(*(linear(identity.brow_colour) * 0.35 * (1 - 0.6 * identity.makeup)).tolist())
        return look
