# Warp reads annotations as its own types.
# mypy: ignore-errors
# ruff: noqa: UP018
"""Warp kernels that cast rays at a resting head: for the scalp under the hair and for ambient occlusion."""

from data_prep.synthetic.rays.device import wp


@wp.kernel(enable_backward=False)
def cast(
    mesh: wp.uint64,
    origin: wp.vec3,
    directions: wp.array(dtype=wp.vec3),
    face: wp.array(dtype=int),
    bary: wp.array(dtype=wp.vec2),
):
    """First triangle that each ray from outside towards `origin` meets (-1: none), and where on it."""
    i = wp.tid()
    start = origin + directions[i] * 4.0
    query = wp.mesh_query_ray(mesh, start, -directions[i], 4.0)
    face[i] = -1
    if query.result:
        face[i] = query.face
        bary[i] = wp.vec2(query.u, query.v)


@wp.kernel(enable_backward=False)
def cast_around(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    rays: wp.array(dtype=wp.vec3),
    reach: float,
    open_share: wp.array(dtype=float),
):
    """Share of cosine-distributed rays that leave a point unhindered; near blockers count in full, far ones
    less.
    """
    i = wp.tid()
    normal = normals[i]
    total = float(0.0)
    for k in range(rays.shape[0]):
        direction = wp.normalize(normal * 1.001 + rays[k])
        query = wp.mesh_query_ray(mesh, points[i] + normal * 0.012, direction, reach)
        if query.result:
            far = query.t / reach
            total += far * far
        else:
            total += 1.0
    open_share[i] = total / float(rays.shape[0])
