# Warp reads annotations as its own types.
# mypy: ignore-errors
"""Warp functions that light a point of skin, eye, tooth, tongue, hair or cloth. Colours are linear RGB."""

from data_prep.synthetic.rays.device import wp
from data_prep.synthetic.rays.shading import (
    AXIS_Z,
    BAKE_HIGH,
    BAKE_LOW,
    TAU,
    Lights,
    Look,
    fetch,
    fetch_fold,
    hash_noise,
    hemisphere,
    highlight,
    smooth,
    tint,
    value_noise,
    wrapped,
)

wp.set_module_options({"enable_backward": False, "fast_math": True})


@wp.func
def collar(shape: wp.vec4, place: wp.vec3) -> float:
    """Height of the garment's edge at a place of the template: it rises outwards and behind, and dips in
    front.
    """
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
    base = base * (1.0 - inner) + wp.vec3(0.12, 0.027, 0.023) * inner
    hollow = inner * smooth(1.5, 1.2, place[2])
    occlusion = occlusion * (0.5 + 0.5 * occlusion)
    occlusion = wp.max(occlusion, 0.6 * lip) * (1.0 - 0.85 * hollow)
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
    """Teeth with gums and gaps, and the tongue; darker towards the throat and the corners of the mouth, and
    under the lips where it is less open."""
    depth = smooth(1.0, 1.46, place[2])
    base = wp.vec3(0.50, 0.165, 0.155) * (0.85 + 0.3 * value_noise(place[0] * 60.0, place[2] * 60.0))
    gloss = 0.5
    bright = 0.62
    if part != 5:
        depth = smooth(1.02, 1.38, place[2])
        arc = wp.abs(wp.atan2(place[0], wp.max(place[2] - 1.05, 0.02)))
        width = 0.19
        slot = arc / width
        nearest = wp.abs(slot - wp.floor(slot + 0.5))
        gap = smooth(0.13, 0.02, nearest)
        number = int(slot) + 31 * part
        if place[0] > 0.0:
            number += 13
        tooth = 0.86 + 0.14 * hash_noise(number, int(1.0e4 * look.teeth[2]))
        gum = smooth(6.70, 6.725, place[1] + 0.03 * nearest)
        root = smooth(6.61, 6.70, place[1])
        if part == 4:
            gum = smooth(6.505, 6.475, place[1])
            root = smooth(6.58, 6.50, place[1])
        base = look.teeth * (tooth * (1.0 - 0.55 * gap) * (1.0 - 0.4 * root))
        base = base * (1.0 - gum) + wp.vec3(0.42, 0.14, 0.13) * gum
        gloss = 0.9
        bright = 0.85
        depth *= 1.0 - 0.75 * smooth(0.4, 1.2, arc)
        # Both rows are bands along an ellipse; what lies well inside of it is seen from the tongue's side.
        back = 0.967
        front = 1.51
        if part == 4:
            back = 0.942
            front = 1.467
        along = (place[2] - back) / (front - back)
        aside = place[0] / 0.311
        across = along * along + aside * aside + 0.13 * smooth(0.1, 0.0, wp.abs(place[0]))
        depth *= 1.0 - 0.9 * smooth(0.95, 0.82, across)
    if part != 3:
        bright *= 0.85
    shade = (0.06 + 0.94 * depth) * (0.72 + 0.28 * look.mouth_open)
    light = hemisphere(lights, normal) * bright
    lit = 0.6 + 0.4 * lit
    light += lights.key_colour * (
        wp.max(wp.dot(normal, lights.key_direction) + 0.3, 0.0) * bright * lit * 0.8
    )
    light += lights.fill_colour * wp.max(wp.dot(normal, lights.fill_direction) + 0.3, 0.0) * bright * 0.8
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
    """Hair by Kajiya and Kay's model with a second, coloured lobe; strands shift brightness and
    highlights.
    """
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


@wp.func
def shade_rim(lights: Lights, look: Look, normal: wp.vec3, view: wp.vec3, lit: float) -> wp.vec3:
    """Rims of glasses: plastic or metal."""
    light = hemisphere(lights, normal)
    light += lights.key_colour * (wp.max(wp.dot(normal, lights.key_direction), 0.0) * lit)
    light += lights.fill_colour * wp.max(wp.dot(normal, lights.fill_direction), 0.0)
    shine = lights.key_colour * (highlight(normal, view, lights.key_direction, 50.0) * lit)
    shine += lights.fill_colour * highlight(normal, view, lights.fill_direction, 50.0)
    shine += hemisphere(lights, normal) * 0.08
    return tint(look.rim, light) + shine * (look.rim_gloss * 2.0)
