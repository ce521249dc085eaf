"""Casting rays at meshes and shading what they hit, in Warp kernels."""
