"""A head before a camera: light, backdrop, rendering."""
