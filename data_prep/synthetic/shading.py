"""Warp functions that light a point of skin, eye, tooth, tongue, hair or cloth. Colours are linear RGB."""

from data_prep.synthetic.device import wp

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


@wp.func
def collar(shape: wp.vec4, place: wp.vec3) -> float:
    """Height of the garment's edge at a place of the template: it rises outwards and behind, and dips in front."""
    outward = wp.sqrt(place[0] * place[0] + (place[2] - 0.2) * (place[2] - 0.2))
    front = smooth(0.25, 0.6, place[2])
    dip = shape[1] * wp.max(0.0, 1.0 - wp.abs(place[0]) / shape[2]) * front
    return shape[0] + 0.75 * wp.max(outward - 0.5, 0.0) * (1.0 - 0.8 * front) - dip + shape[3] * (1.0 - front)


@wp.func
def shade_skin(
    lights: Lights,
    look: Look,
    place: wp.vec3,
    normal: wp.vec3,
    view: wp.vec3,
    occlusion: float,
    masks: wp.vec4,
    lit: float,
    skin: wp.array2d(dtype=wp.vec4),
    relief: wp.array2d(dtype=wp.vec4),
    wrinkle: wp.array2d(dtype=wp.vec4),
    folds: wp.array(dtype=float),
) -> wp.vec3:
    """Skin, lips, mouth lining and clothes, by the point's place on the template."""
    u = wp.atan2(place[0], place[2] - AXIS_Z) / TAU + 0.5
    v = (BAKE_HIGH - place[1]) / (BAKE_HIGH - BAKE_LOW)
    neckline = collar(look.neckline, place)
    if place[1] < neckline:
        weave = 0.9 + 0.2 * value_noise(place[0] * 60.0, place[1] * 60.0)
        edge = 0.75 + 0.25 * smooth(0.0, 0.06, neckline - place[1])
        base = look.cloth * (weave * edge)
        light = hemisphere(lights, normal) * occlusion
        light += lights.key_colour * (wp.max(wp.dot(normal, lights.key_direction), 0.0) * lit)
        light += lights.fill_colour * wp.max(wp.dot(normal, lights.fill_direction), 0.0)
        rim = wp.max(wp.dot(normal, lights.rim_direction), 0.0)
        return tint(base, light + lights.rim_colour * rim)

    paint = fetch(skin, u, v)
    bumps = fetch(relief, u, v)
    fold = fetch_fold(wrinkle, folds, u, v, smooth(-0.06, 0.06, place[0]))

    lip = smooth(0.25, 0.75, masks[0])
    inner = smooth(0.2, 0.8, masks[1])
    outer = 1.0 - wp.max(lip, inner)
    along = wp.normalize(wp.cross(look.up, normal))
    across = wp.cross(normal, along)
    slope_u = bumps[0] * (1.0 - 0.6 * lip) + fold[0]
    slope_v = bumps[1] * (1.0 - 0.6 * lip) + fold[1]
    detailed = wp.normalize(normal - along * slope_u - across * slope_v)

    base = wp.vec3(paint[0], paint[1], paint[2]) * (1.0 - 0.45 * fold[2] * outer)
    creases = 0.86 + 0.28 * value_noise(place[0] * 46.0, place[1] * 9.0)
    base = base * (1.0 - lip) + look.lips * (creases * lip)
    base = base * (1.0 - inner) + wp.vec3(0.16, 0.035, 0.03) * inner
    hollow = inner * smooth(1.5, 1.2, place[2])
    occlusion = wp.max(occlusion, 0.75 * lip) * (1.0 - 0.85 * hollow)
    occlusion = occlusion * (1.0 - inner) + inner * (1.0 - 0.9 * hollow) * 0.6
    lit = lit * (1.0 - 0.9 * hollow)

    wrap = wp.vec3(0.34, 0.21, 0.16)
    soft = wp.normalize(normal * 0.55 + detailed * 0.45)
    key = wrapped(wp.dot(soft, lights.key_direction), wrap)
    warm = wp.vec3(wp.pow(lit, 0.8), lit, lit * (0.85 + 0.15 * lit))
    light = tint(tint(key, warm), lights.key_colour)
    light += tint(wrapped(wp.dot(soft, lights.fill_direction), wrap), lights.fill_colour) * (
        0.4 + 0.6 * occlusion
    )
    light += tint(wrapped(wp.dot(soft, lights.rim_direction), wrap), lights.rim_colour) * occlusion
    bounce = wp.vec3(occlusion, occlusion * (0.86 + 0.14 * occlusion), occlusion * (0.8 + 0.2 * occlusion))
    light += tint(hemisphere(lights, detailed), bounce)

    gloss = paint[3] * (1.0 - lip) + lip * look.lip_gloss + inner * 0.8
    power = 11.0 + 34.0 * lip + 60.0 * inner
    shine = lights.key_colour * (highlight(detailed, view, lights.key_direction, power) * lit)
    shine += lights.key_colour * (highlight(detailed, view, lights.key_direction, 42.0) * lit * 0.22)
    shine += lights.fill_colour * highlight(detailed, view, lights.fill_direction, power)
    shine += lights.rim_colour * highlight(detailed, view, lights.rim_direction, power)
    grazing = 1.0 - wp.max(wp.dot(detailed, view), 0.0)
    shine += hemisphere(lights, detailed) * (0.16 * grazing * grazing * grazing * occlusion)
    return tint(base, light) + shine * (gloss * (1.0 - 0.9 * hollow))


@wp.func
def shade_eye(
    lights: Lights, look: Look, point: wp.vec3, view: wp.vec3, occlusion: float, lit: float, left: int
) -> wp.vec3:
    """An eyeball: sclera with veins, iris with fibres and limbal ring, pupil, wet highlight."""
    centre = look.eye_right
    frame = look.frame_right
    if left == 1:
        centre = look.eye_left
        frame = look.frame_left
    normal = wp.normalize(point - centre)
    local = frame * normal
    toward = frame * view
    angle = wp.acos(wp.clamp(local[2], -1.0, 1.0))
    inside = smooth(look.iris_angle + 0.03, look.iris_angle - 0.03, angle)
    # The iris lies behind the cornea: what is seen there is shifted along the line of sight.
    ex = local[0] - toward[0] * 0.09 * inside
    ey = local[1] - toward[1] * 0.09 * inside
    radius = wp.sqrt(ex * ex + ey * ey) / wp.sin(look.iris_angle)
    spoke = wp.atan2(ey, ex)
    fibres = (
        value_noise(spoke * 14.0 + 40.0, radius * 2.5) * 0.6
        + value_noise(spoke * 34.0 + 90.0, radius * 4.0) * 0.4
    )
    iris = look.iris * (0.55 + 0.9 * fibres) * (1.15 - 0.35 * radius)
    warm = smooth(0.62, 0.35, radius)
    iris = iris * (1.0 - 0.35 * warm) + wp.vec3(0.20, 0.11, 0.04) * (0.35 * warm)
    iris = iris * (1.0 - 0.75 * smooth(0.78, 1.0, radius))
    iris = iris * smooth(look.pupil, look.pupil + 0.09, radius) + wp.vec3(0.004, 0.004, 0.005)
    veins = value_noise(local[0] * 22.0 + 9.0, local[1] * 60.0) * value_noise(
        local[0] * 9.0, local[1] * 25.0 + 3.0
    )
    aside = smooth(0.45, 1.0, wp.abs(local[0]))
    white = wp.vec3(0.78, 0.745, 0.71) - wp.vec3(0.02, 0.22, 0.2) * (aside * (0.4 + veins))
    base = white * (1.0 - inside) + iris * inside
    shade = wp.min(1.0, 0.25 + occlusion)
    wrap = wp.vec3(0.35, 0.28, 0.26)
    light = tint(wrapped(wp.dot(normal, lights.key_direction), wrap), lights.key_colour) * (0.25 + 0.75 * lit)
    light += tint(wrapped(wp.dot(normal, lights.fill_direction), wrap), lights.fill_colour)
    light += hemisphere(lights, normal)
    result = tint(base, light) * shade
    gaze = wp.transpose(frame) * wp.vec3(0.0, 0.0, 1.0)
    cornea = wp.normalize(normal + (normal - gaze * 0.9) * (0.5 * inside))
    mirror = 2.0 * wp.dot(cornea, view) * cornea - view
    spot = smooth(0.955, 0.975, wp.dot(mirror, lights.key_direction)) * (0.3 + 0.7 * lit)
    result += lights.key_colour * (spot * 0.42 * (0.35 + 0.65 * inside))
    result += lights.fill_colour * (0.10 * smooth(0.96, 0.985, wp.dot(mirror, lights.fill_direction)))
    result += lights.sky * (0.05 * wp.max(mirror[1], 0.0) * shade)
    return result


@wp.func
def shade_mouth(
    lights: Lights, look: Look, place: wp.vec3, normal: wp.vec3, view: wp.vec3, lit: float, part: int
) -> wp.vec3:
    """Teeth with gums and gaps, and the tongue; darker with depth and with a less open mouth."""
    depth = smooth(0.95, 1.45, place[2])
    base = wp.vec3(0.50, 0.155, 0.14) * (0.85 + 0.3 * value_noise(place[0] * 60.0, place[2] * 60.0))
    gloss = 0.5
    if part != 5:
        arc = wp.abs(wp.atan2(place[0], wp.max(place[2] - 1.05, 0.02)))
        width = 0.19
        slot = arc / width
        nearest = wp.abs(slot - wp.floor(slot + 0.5))
        gap = smooth(0.07, 0.0, nearest)
        gum = smooth(6.70, 6.725, place[1] + 0.03 * nearest)
        if part == 4:
            gum = smooth(6.505, 6.475, place[1])
        base = look.teeth * (1.0 - 0.45 * gap)
        base = base * (1.0 - gum) + wp.vec3(0.42, 0.14, 0.13) * gum
        gloss = 0.9
    shade = (0.1 + 0.9 * depth) * (0.55 + 0.45 * look.mouth_open)
    light = hemisphere(lights, normal) * 0.6
    lit = 0.55 + 0.45 * lit
    light += lights.key_colour * (wp.max(wp.dot(normal, lights.key_direction) + 0.3, 0.0) * 0.6 * lit)
    light += lights.fill_colour * wp.max(wp.dot(normal, lights.fill_direction) + 0.3, 0.0) * 0.6
    shine = lights.key_colour * (highlight(normal, view, lights.key_direction, 90.0) * gloss)
    return (tint(base, light) + shine) * shade


@wp.func
def strand_at(strands: wp.array2d(dtype=float), u: float, v: float) -> float:
    """Strand noise in [0, 1], interpolated across and along the strands."""
    x = u * 512.0
    y = v * 96.0
    x0 = wp.floor(x)
    y0 = wp.floor(y)
    column = int(x0) & 511
    beside = (column + 1) & 511
    row = int(y0) & 255
    below = (row + 1) & 255
    fx = x - x0
    fy = y - y0
    first = strands[row, column] * (1.0 - fx) + strands[row, beside] * fx
    second = strands[below, column] * (1.0 - fx) + strands[below, beside] * fx
    return first * (1.0 - fy) + second * fy


@wp.func
def shade_hair(
    lights: Lights,
    look: Look,
    point: wp.vec3,
    normal: wp.vec3,
    view: wp.vec3,
    occlusion: float,
    lit: float,
    uv: wp.vec3,
    part: int,
    strands: wp.array2d(dtype=float),
) -> wp.vec3:
    """Hair by Kajiya and Kay's model with a second, coloured lobe; strands shift brightness and highlights."""
    flow = point - look.hair_pole
    if part == 8:
        flow = wp.vec3(0.0, -1.0, 0.0)
    tangent = wp.normalize(flow - normal * wp.dot(flow, normal))
    strand = strand_at(strands, uv[0], uv[1])
    white = wp.clamp(look.grey * (0.55 + 0.9 * strand_at(strands, uv[0] * 0.5 + 0.37, uv[1])), 0.0, 1.0)
    base = (look.hair * (1.0 - white) + wp.vec3(0.30, 0.29, 0.275) * white) * (0.35 + 1.3 * strand)
    leaned = wp.normalize(tangent + normal * (0.5 * (strand - 0.5) + 0.05))
    light = hemisphere(lights, normal) * occlusion
    shine = wp.vec3(0.0, 0.0, 0.0)
    for k in range(3):
        direction = lights.key_direction
        colour = lights.key_colour * lit
        if k == 1:
            direction = lights.fill_direction
            colour = lights.fill_colour
        if k == 2:
            direction = lights.rim_direction
            colour = lights.rim_colour
        front = smooth(-0.35, 0.6, wp.dot(normal, direction))
        tl = wp.dot(tangent, direction)
        light += colour * (front * (0.35 + 0.65 * wp.sqrt(wp.max(1.0 - tl * tl, 0.0))) * 0.8)
        h = wp.normalize(direction + view)
        th = wp.dot(leaned, h)
        sharp = wp.pow(wp.sqrt(wp.max(1.0 - th * th, 0.0)), 70.0)
        broad = wp.pow(wp.sqrt(wp.max(1.0 - th * th, 0.0)), 14.0)
        white_lobe = wp.vec3(0.10, 0.10, 0.10) * sharp
        shine += tint(colour, white_lobe + base * (broad * 0.9)) * (front * look.hair_gloss)
    return tint(base, light) * (0.35 + 0.65 * occlusion) + shine * occlusion


@wp.func
def shade_lash(lights: Lights, look: Look, normal: wp.vec3) -> wp.vec3:
    """Lashes: dark, lit softly from all around."""
    return tint(look.lash, hemisphere(lights, normal) + lights.key_colour * 0.3)
