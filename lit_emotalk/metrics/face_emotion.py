"""Which emotion do the coefficients of a clip show? A classifier fitted on true clips. Our protocol."""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from lit_emotalk.coefficients import ARKIT

QUARTILES = (0.25, 0.75)


def face_features(coefficients: np.ndarray) -> np.ndarray:
    """Mean and quartiles of each expression unit over a clip: (T, 51 or 57) -> (153,) float64."""
    units = coefficients[:, ARKIT.expression].astype(np.float64)
    return np.concatenate([units.mean(0), *np.quantile(units, QUARTILES, axis=0)])


def emotion_classifier() -> Pipeline:
    """Linear discriminant analysis with Ledoit and Wolf's shrinkage, on standardised features."""
    return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
