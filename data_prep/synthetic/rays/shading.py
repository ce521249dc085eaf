# Warp reads annotations as its own types.
# mypy: ignore-errors
# ruff: noqa: UP018
"""What Warp functions that light surfaces share: lights, looks, textures, noise, shadows. Colours are
linear RGB.
"""

from data_prep.synthetic.rays.device import wp

wp.set_module_options({"enable_backward": False, "fast_math": True})

TAU = wp.constant(6.2831853)
AXIS_Z = wp.constant(0.35)
BAKE_LOW = wp.constant(5.2)
BAKE_HIGH = wp.constant(8.8)
WRINKLE_GROUPS = wp.constant(12)


@wp.struct
class Lights:
    """Directions towards three lights in view axes, their colours, the hemisphere, exposure."""

    key_direction: wp.vec3
    key_colour: wp.vec3
    fill_direction: wp.vec3
    fill_colour: wp.vec3
    rim_direction: wp.vec3
    rim_colour: wp.vec3
    sky: wp.vec3
    ground: wp.vec3
    exposure: float
    shadow_rotation: wp.mat33
    shadow_middle: wp.vec3
    shadow_scale: float
    shadow_half: float


@wp.struct
class Look:
    """Colours and frames of one person in one frame."""

    up: wp.vec3
    lips: wp.vec3
    lip_gloss: float
    teeth: wp.vec3
    iris: wp.vec3
    hair: wp.vec3
    grey: float
    hair_gloss: float
    curl: float
    hair_pole: wp.vec3
    cloth: wp.vec3
    neckline: wp.vec4
    eye_left: wp.vec3
    eye_right: wp.vec3
    frame_left: wp.mat33
    frame_right: wp.mat33
    iris_angle: float
    pupil: float
    mouth_open: float
    lash: wp.vec3
    rim: wp.vec3
    rim_gloss: float


@wp.func
def fetch(texture: wp.array2d(dtype=wp.vec4), u: float, v: float) -> wp.vec4:
    """Bilinear sample; u wraps, v is clamped."""
    rows = texture.shape[0]
    columns = texture.shape[1]
    x = (u - wp.floor(u)) * float(columns) - 0.5
    y = wp.clamp(v, 0.0, 1.0) * float(rows) - 0.5
    x0 = wp.floor(x)
    y0 = wp.floor(y)
    fx = x - x0
    fy = y - y0
    left = (int(x0) + columns) % columns
    right = (left + 1) % columns
    top = wp.clamp(int(y0), 0, rows - 1)
    bottom = wp.clamp(int(y0) + 1, 0, rows - 1)
    upper = texture[top, left] * (1.0 - fx) + texture[top, right] * fx
    lower = texture[bottom, left] * (1.0 - fx) + texture[bottom, right] * fx
    return upper * (1.0 - fy) + lower * fy


@wp.func
def fold_at(
    texture: wp.array2d(dtype=wp.vec4), folds: wp.array(dtype=float), row: int, column: int, left: float
) -> wp.vec3:
    """Slopes and cavity of one wrinkle texel, by the depth of its group on either side of the face."""
    texel = texture[row, column]
    group = int(texel[3] + 0.5)
    depth = folds[group] * left + folds[group + WRINKLE_GROUPS] * (1.0 - left)
    return wp.vec3(texel[0], texel[1], texel[2]) * depth


@wp.func
def fetch_fold(
    texture: wp.array2d(dtype=wp.vec4), folds: wp.array(dtype=float), u: float, v: float, left: float
) -> wp.vec3:
    """Bilinear `fold_at`; `left` is the share of the person's left side."""
    rows = texture.shape[0]
    columns = texture.shape[1]
    x = wp.clamp(u * float(columns) - 0.5, 0.0, float(columns) - 1.001)
    y = wp.clamp(v * float(rows) - 0.5, 0.0, float(rows) - 1.001)
    column = int(x)
    row = int(y)
    fx = x - float(column)
    fy = y - float(row)
    near = texture[row, column][3] + texture[row + 1, column + 1][3]
    result = wp.vec3(0.0, 0.0, 0.0)
    if near > 0.0:
        upper = fold_at(texture, folds, row, column, left) * (1.0 - fx)
        upper += fold_at(texture, folds, row, column + 1, left) * fx
        lower = fold_at(texture, folds, row + 1, column, left) * (1.0 - fx)
        lower += fold_at(texture, folds, row + 1, column + 1, left) * fx
        result = upper * (1.0 - fy) + lower * fy
    return result


@wp.func
def smooth(low: float, high: float, value: float) -> float:
    """Hermite step from 0 at `low` to 1 at `high`."""
    t = wp.clamp((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


@wp.func
def tint(a: wp.vec3, b: wp.vec3) -> wp.vec3:
    """Product by component."""
    return wp.cw_mul(a, b)


@wp.func
def hemisphere(lights: Lights, normal: wp.vec3) -> wp.vec3:
    """Sky and ground light on a surface."""
    t = 0.5 + 0.5 * normal[1]
    return lights.sky * t + lights.ground * (1.0 - t)


@wp.func
def wrapped(cosine: float, wrap: wp.vec3) -> wp.vec3:
    """Diffuse light that bleeds over the terminator by `wrap` (red most), as under skin."""
    return wp.vec3(
        wp.max(cosine + wrap[0], 0.0) / (1.0 + wrap[0]),
        wp.max(cosine + wrap[1], 0.0) / (1.0 + wrap[1]),
        wp.max(cosine + wrap[2], 0.0) / (1.0 + wrap[2]),
    )


@wp.func
def highlight(normal: wp.vec3, view: wp.vec3, light: wp.vec3, power: float) -> float:
    """Normalised Blinn-Phong lobe with Schlick's Fresnel term (reflectance 0.03)."""
    h = wp.normalize(light + view)
    ndl = wp.max(wp.dot(normal, light), 0.0)
    ndh = wp.max(wp.dot(normal, h), 0.0)
    grazing = 1.0 - wp.max(wp.dot(view, h), 0.0)
    fresnel = 0.03 + 0.97 * grazing * grazing * grazing * grazing * grazing
    return fresnel * ndl * (power + 8.0) * 0.125 * wp.pow(ndh, power)


@wp.func
def hash_noise(x: int, y: int) -> float:
    """Hash of a lattice point to [0, 1)."""
    n = x * 374761393 + y * 668265263
    n = (n ^ (n >> 13)) * 1274126177
    n = n ^ (n >> 16)
    return float(n & 0xFFFF) / 65536.0


@wp.func
def value_noise(x: float, y: float) -> float:
    """Smooth value noise in [0, 1)."""
    fx = wp.floor(x)
    fy = wp.floor(y)
    ix = int(fx)
    iy = int(fy)
    tx = x - fx
    ty = y - fy
    tx = tx * tx * (3.0 - 2.0 * tx)
    ty = ty * ty * (3.0 - 2.0 * ty)
    top = hash_noise(ix, iy) * (1.0 - tx) + hash_noise(ix + 1, iy) * tx
    bottom = hash_noise(ix, iy + 1) * (1.0 - tx) + hash_noise(ix + 1, iy + 1) * tx
    return top * (1.0 - ty) + bottom * ty


@wp.func
def shadow(
    lights: Lights, depth: wp.array(dtype=wp.int64), side: int, point: wp.vec3, normal: wp.vec3
) -> float:
    """Share of the key light that reaches a point: four taps in its shadow map."""
    local = lights.shadow_rotation * (point + 0.03 * normal - lights.shadow_middle)
    x = lights.shadow_half + lights.shadow_scale * local[0]
    y = lights.shadow_half - lights.shadow_scale * local[1]
    near = 0.25 + 0.02 * local[2] + 0.0012
    lit = float(0.0)
    for k in range(4):
        ox = float(k % 2) * 2.0 - 1.0
        oy = float(k / 2) * 2.0 - 1.0
        for m in range(2):
            reach = 0.7 + 1.2 * float(m)
            ix = int(x + ox * reach)
            iy = int(y + oy * reach * (1.0 - 0.4 * float(m)))
            inside = 1.0
            if ix >= 0 and iy >= 0 and ix < side and iy < side:
                key = depth[iy * side + ix]
                blocker = 0.5 - float(key >> wp.int64(32)) / 4.0e9
                if blocker > near:
                    inside = 0.0
            lit += inside
    return lit * 0.125
