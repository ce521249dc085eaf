# Warp reads annotations as its own types.
# mypy: ignore-errors
# ruff: noqa: UP018
"""Warp kernels for geometry: morph, lips' contact, neck, projection, normals, and a z-buffer with alpha-
tested strands.

One source for CPU and CUDA. The z-buffer keeps one 64-bit key a sample, nearness in the high half and the
triangle's number in the low half, so that the result does not depend on the order in which triangles are
drawn.
"""

from data_prep.synthetic.rays.device import wp

wp.set_module_options({"enable_backward": False, "fast_math": True})

PART_LASH = wp.constant(6)
PART_CAP = wp.constant(7)
PART_CURTAIN = wp.constant(8)
EMPTY_KEY = wp.constant(wp.int64(0x7FFFFFFFFFFFFFFF))
NEARNESS_SCALE = wp.constant(4.0e9)


@wp.struct
class Pose:
    """A frame's pose: neck joints and each joint's rotation vector at full share, then the view."""

    lower: wp.vec3
    upper: wp.vec3
    half_turn: wp.vec3
    centre: wp.vec3
    view: wp.mat33
    offset: wp.vec3
    focal: float
    middle: float
    eye_left: wp.vec3
    eye_right: wp.vec3
    gaze_left: wp.mat33
    gaze_right: wp.mat33


@wp.func
def turned(point: wp.vec3, joint: wp.vec3, turn: wp.vec3) -> wp.vec3:
    """`point` rotated about `joint` by the rotation vector `turn`."""
    angle = wp.length(turn)
    result = point
    if angle > 1.0e-6:
        result = joint + wp.quat_rotate(wp.quat_from_axis_angle(turn / angle, angle), point - joint)
    return result


@wp.kernel
def morph(
    rest: wp.array(dtype=wp.vec3),
    starts: wp.array(dtype=int),
    unit: wp.array(dtype=int),
    delta: wp.array(dtype=wp.vec3),
    weights: wp.array(dtype=float),
    points: wp.array(dtype=wp.vec3),
):
    """points = rest + sum of weighted unit offsets (sparse rows)."""
    i = wp.tid()
    point = rest[i]
    for k in range(starts[i], starts[i + 1]):
        point += weights[unit[k]] * delta[k]
    points[i] = point


@wp.kernel
def find_overlap(
    points: wp.array(dtype=wp.vec3),
    upper: wp.array(dtype=int),
    lower: wp.array(dtype=int),
    overlap: wp.array(dtype=float),
):
    """How far each pair of lip points has passed through each other, dm."""
    i = wp.tid()
    overlap[i] = wp.max(points[lower[i]][1] - points[upper[i]][1], 0.0)


@wp.kernel
def part_lips(
    points: wp.array(dtype=wp.vec3),
    vertices: wp.array(dtype=int),
    share: wp.array2d(dtype=float),
    overlap: wp.array(dtype=float),
):
    """Move the lips' vertices apart by their shares of the overlaps."""
    i = wp.tid()
    move = float(0.0)
    for k in range(overlap.shape[0]):
        move += share[i, k] * overlap[k]
    v = vertices[i]
    points[v] = points[v] + wp.vec3(0.0, move, 0.0)


@wp.kernel
def place(
    points: wp.array(dtype=wp.vec3),
    neck: wp.array(dtype=wp.vec2),
    eye: wp.array(dtype=int),
    pose: Pose,
    position: wp.array(dtype=wp.vec3),
    screen: wp.array(dtype=wp.vec3),
):
    """Turn eyeballs and head, view and project. `position` in view axes (camera at 0, looking along -z);
    `screen` is x, y in pixels and 1/depth. `eye` is 1 or 2 for the left and right eyeball's vertices."""
    i = wp.tid()
    point = points[i]
    if eye[i] == 1:
        point = pose.eye_left + pose.gaze_left * (point - pose.eye_left)
    if eye[i] == 2:
        point = pose.eye_right + pose.gaze_right * (point - pose.eye_right)
    point = turned(point, pose.upper, neck[i][1] * pose.half_turn)
    point = turned(point, pose.lower, neck[i][0] * pose.half_turn)
    point = pose.view * (point - pose.centre) + pose.offset
    position[i] = point
    near = 1.0 / wp.max(-point[2], 0.5)
    screen[i] = wp.vec3(
        pose.middle + pose.focal * point[0] * near, pose.middle - pose.focal * point[1] * near, near
    )


@wp.kernel
def find_normals(
    position: wp.array(dtype=wp.vec3),
    triangles: wp.array2d(dtype=int),
    starts: wp.array(dtype=int),
    around: wp.array(dtype=int),
    normals: wp.array(dtype=wp.vec3),
):
    """Area-weighted vertex normals; `around[starts[i]:starts[i+1]]` are the triangles at vertex i."""
    i = wp.tid()
    total = wp.vec3(0.0, 0.0, 0.0)
    for k in range(starts[i], starts[i + 1]):
        t = around[k]
        a = position[triangles[t, 0]]
        total += wp.cross(position[triangles[t, 1]] - a, position[triangles[t, 2]] - a)
    normals[i] = wp.normalize(total)


@wp.kernel
def light_view(
    position: wp.array(dtype=wp.vec3),
    rotation: wp.mat33,
    middle: wp.vec3,
    scale: float,
    half: float,
    screen: wp.array(dtype=wp.vec3),
):
    """Orthographic coordinates as a light sees them: x, y in texels of the shadow map, nearness in (0,
    0.5).
    """
    i = wp.tid()
    point = rotation * (position[i] - middle)
    screen[i] = wp.vec3(half + scale * point[0], half - scale * point[1], 0.25 + 0.02 * point[2])


@wp.func
def covered(part: int, uv: wp.vec3, strands: wp.array2d(dtype=float)) -> bool:
    """Whether a lash or a strand of hair is there: `uv` is the place on the lashes, or on the hair: around
    the head, along the strand, and how ragged it is (0 solid, 1 gone)."""
    result = bool(True)
    if part == PART_LASH:
        lower = wp.floor(uv[0])
        comb = uv[0] * 640.0
        hair = wp.floor(comb)
        luck = wp.sin(hair * 12.9898) * 43758.547
        luck = luck - wp.floor(luck)
        length = 0.8 + 0.4 * luck - 0.3 * lower
        width = (0.9 - 0.45 * lower) * (1.0 - 0.55 * uv[1])
        result = wp.abs(comb - hair - 0.5) < 0.5 * width and uv[1] < length
    if part >= PART_CAP and uv[2] > 0.0:
        column = int(uv[0] * 512.0) & 511
        row = int(uv[1] * 96.0) & 255
        result = strands[row, column] > uv[2]
    return result


@wp.kernel
def clear(buffer: wp.array(dtype=wp.int64)):
    """Empty a z-buffer."""
    buffer[wp.tid()] = EMPTY_KEY


@wp.kernel
def draw(
    screen: wp.array(dtype=wp.vec3),
    triangles: wp.array2d(dtype=int),
    parts: wp.array(dtype=int),
    uv: wp.array(dtype=wp.vec3),
    strands: wp.array2d(dtype=float),
    side: int,
    resolution: float,
    buffer: wp.array(dtype=wp.int64),
):
    """Draw one triangle into a `side` x `side` z-buffer that has `resolution` samples a pixel of `screen`."""
    t = wp.tid()
    a = screen[triangles[t, 0]]
    b = screen[triangles[t, 1]]
    c = screen[triangles[t, 2]]
    ax = a[0] * resolution
    ay = a[1] * resolution
    bx = b[0] * resolution
    by = b[1] * resolution
    cx = c[0] * resolution
    cy = c[1] * resolution
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    part = parts[t]
    if wp.abs(area) < 1.0e-6 or (area > 0.0 and part < PART_LASH):
        return
    left = wp.max(int(wp.ceil(wp.min(wp.min(ax, bx), cx) - 0.5)), 0)
    right = wp.min(int(wp.floor(wp.max(wp.max(ax, bx), cx) - 0.5)), side - 1)
    top = wp.max(int(wp.ceil(wp.min(wp.min(ay, by), cy) - 0.5)), 0)
    bottom = wp.min(int(wp.floor(wp.max(wp.max(ay, by), cy) - 0.5)), side - 1)
    scale = 1.0 / area
    number = wp.int64(t)
    for y in range(top, bottom + 1):
        py = float(y) + 0.5
        for x in range(left, right + 1):
            px = float(x) + 0.5
            wb = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) * scale
            wc = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) * scale
            wa = 1.0 - wb - wc
            if wa >= 0.0 and wb >= 0.0 and wc >= 0.0:
                near = wa * a[2] + wb * b[2] + wc * c[2]
                solid = bool(True)
                if part >= PART_LASH:
                    at = uv[triangles[t, 0]] * wa + uv[triangles[t, 1]] * wb + uv[triangles[t, 2]] * wc
                    solid = covered(part, at, strands)
                if solid:
                    key = (wp.int64((0.5 - near) * NEARNESS_SCALE) << wp.int64(32)) | number
                    wp.atomic_min(buffer, y * side + x, key)
