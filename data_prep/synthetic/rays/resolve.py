# Warp reads annotations as its own types.
# mypy: ignore-errors
# ruff: noqa: UP018, RUF046
"""The Warp kernel that turns the z-buffer's samples into pixels: one shade per distinct surface in a
pixel.
"""

from data_prep.synthetic.rays.device import wp
from data_prep.synthetic.rays.shading import Lights, Look, hash_noise, shadow
from data_prep.synthetic.rays.surfaces import (
    shade_eye,
    shade_hair,
    shade_lash,
    shade_mouth,
    shade_rim,
    shade_skin,
)

wp.set_module_options({"enable_backward": False, "fast_math": True})

EMPTY_KEY = wp.constant(wp.int64(0x7FFFFFFFFFFFFFFF))


@wp.struct
class Surface:
    """Everything about the mesh that a sample needs."""

    triangles: wp.array2d(dtype=int)
    parts: wp.array(dtype=int)
    screen: wp.array(dtype=wp.vec3)
    position: wp.array(dtype=wp.vec3)
    normals: wp.array(dtype=wp.vec3)
    place: wp.array(dtype=wp.vec3)
    occlusion: wp.array(dtype=float)
    masks: wp.array(dtype=wp.vec4)
    uv: wp.array(dtype=wp.vec3)
    skin: wp.array2d(dtype=wp.vec4)
    relief: wp.array2d(dtype=wp.vec4)
    wrinkle: wp.array2d(dtype=wp.vec4)
    strands: wp.array2d(dtype=float)
    folds: wp.array(dtype=float)
    shadow_map: wp.array(dtype=wp.int64)
    shadow_side: int


@wp.func
def shade(s: Surface, lights: Lights, look: Look, t: int, x: float, y: float) -> wp.vec3:
    """Light the point of triangle `t` that lies at pixel coordinates (x, y)."""
    ia = s.triangles[t, 0]
    ib = s.triangles[t, 1]
    ic = s.triangles[t, 2]
    a = s.screen[ia]
    b = s.screen[ib]
    c = s.screen[ic]
    scale = 1.0 / ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
    wb = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) * scale
    wc = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) * scale
    wb = wp.clamp(wb, 0.0, 1.0)
    wc = wp.clamp(wc, 0.0, 1.0)
    wa = wp.max(1.0 - wb - wc, 0.0) * a[2]
    wb = wb * b[2]
    wc = wc * c[2]
    total = 1.0 / (wa + wb + wc)
    wa = wa * total
    wb = wb * total
    wc = wc * total
    part = s.parts[t]
    point = s.position[ia] * wa + s.position[ib] * wb + s.position[ic] * wc
    normal = wp.normalize(s.normals[ia] * wa + s.normals[ib] * wb + s.normals[ic] * wc)
    view = wp.normalize(-point)
    occlusion = s.occlusion[ia] * wa + s.occlusion[ib] * wb + s.occlusion[ic] * wc
    place = s.place[ia] * wa + s.place[ib] * wb + s.place[ic] * wc
    if part == 1 or part == 2:
        lit = shadow(lights, s.shadow_map, s.shadow_side, point, normal)
        return shade_eye(lights, look, point, view, occlusion, lit, 2 - part)
    if part == 6:
        return shade_lash(lights, look, normal)
    if wp.dot(normal, view) < 0.0 and part >= 7:
        normal = -normal
    lit = shadow(lights, s.shadow_map, s.shadow_side, point, normal)
    if part == 0:
        masks = s.masks[ia] * wa + s.masks[ib] * wb + s.masks[ic] * wc
        return shade_skin(
            lights, look, place, normal, view, occlusion, masks, lit, s.skin, s.relief, s.wrinkle, s.folds
        )
    if part < 6:
        return shade_mouth(lights, look, place, normal, view, lit, part)
    if part == 9:
        return shade_rim(lights, look, normal, view, lit)
    uv = s.uv[ia] * wa + s.uv[ib] * wb + s.uv[ic] * wc
    return shade_hair(lights, look, point, normal, view, occlusion, lit, uv, part, s.strands)


@wp.func
def film(value: float) -> float:
    """A display value in [0, 1] of linear light: straight below 0.55, a soft shoulder above, then gamma."""
    level = value
    if value > 0.55:
        level = 0.55 + 0.45 * (1.0 - wp.exp(-(value - 0.55) / 0.45))
    return wp.pow(wp.max(level, 0.0), 0.4545)


@wp.kernel
def resolve(
    surface: Surface,
    lights: Lights,
    look: Look,
    buffer: wp.array(dtype=wp.int64),
    size: int,
    background: wp.array2d(dtype=wp.vec3),
    grain: float,
    grain_seed: int,
    image: wp.array3d(dtype=wp.uint8),
):
    """Pixel (i, j) of the image from its 2 x 2 samples."""
    i, j = wp.tid()
    side = 2 * size
    base = 2 * i * side + 2 * j
    keys = wp.vector(buffer[base], buffer[base + 1], buffer[base + side], buffer[base + side + 1])
    colour = wp.vec3(0.0, 0.0, 0.0)
    done = int(0)
    for k in range(4):
        if (done >> k) & 1 == 0:
            key = keys[k]
            if key == EMPTY_KEY:
                share = float(0.0)
                for m in range(4):
                    if keys[m] == EMPTY_KEY:
                        done = done | (1 << m)
                        share += 0.25
                colour += background[i, j] * share
            else:
                t = int(key & wp.int64(0xFFFFFFFF))
                part = surface.parts[t]
                depth = float(key >> wp.int64(32)) / 4.0e9
                share = float(0.0)
                x = float(0.0)
                y = float(0.0)
                for m in range(4):
                    other = keys[m]
                    if (done >> m) & 1 == 0 and other != EMPTY_KEY:
                        gap = wp.abs(float(other >> wp.int64(32)) / 4.0e9 - depth)
                        if surface.parts[int(other & wp.int64(0xFFFFFFFF))] == part and gap < 0.0018:
                            done = done | (1 << m)
                            share += 0.25
                            x += float(j) + 0.25 + 0.5 * float(m % 2)
                            y += float(i) + 0.25 + 0.5 * float(m / 2)
                count = share * 4.0
                colour += shade(surface, lights, look, t, x / count, y / count) * share
    noise = (hash_noise(i * 7919 + grain_seed, j * 104729 - grain_seed) - 0.5) * 3.4 * grain
    for channel in range(3):
        level = film(colour[channel] * lights.exposure) * 255.0 + noise
        image[i, j, channel] = wp.uint8(wp.clamp(level + 0.5, 0.0, 255.0))
