"""Faces in pictures: landmarks, crops, coefficients and the linear face."""

from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.crop import Crop, clip_crop, image_crop
from lit_emotalk.face.landmarker import Face, Landmarker
from lit_emotalk.face.tracker import Tracker

__all__ = ["Crop", "Face", "Landmarker", "LinearFace", "Tracker", "clip_crop", "image_crop"]
