"""A parametric head: template, identity, hair, clothes, skin and its landmarks."""
