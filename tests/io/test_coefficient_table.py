"""The CSV of coefficients: it comes back as it was written, and says what is wrong with it."""

import numpy as np
import pytest

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.io.coefficient_table import HEADER, read_coefficients, write_coefficients


def test_what_is_written_is_read_back(tmp_path):
    made = np.random.default_rng(0).uniform(-0.3, 1.0, (7, ARKIT.size)).astype(np.float32)
    write_coefficients(tmp_path / "face.csv", made)
    np.testing.assert_allclose(read_coefficients(tmp_path / "face.csv"), made, atol=6e-6)
    lines = (tmp_path / "face.csv").read_text().splitlines()
    assert len(HEADER) == 58 and lines[0].split(",")[1] == "browDownLeft"
    assert [line.split(",")[0] for line in lines[1:4]] == ["0.00", "0.04", "0.08"]
    (tmp_path / "turned.csv").write_text("\n".join(",".join(line.split(",")[::-1]) for line in lines))
    np.testing.assert_allclose(read_coefficients(tmp_path / "turned.csv"), made, atol=6e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("jawOpen", "jaw"), "lacks the column jawOpen"),
        (lambda text: text.replace("0.50000", "half"), "not a table"),
        (lambda text: text.replace("0.50000", "nan"), "not finite"),
        (lambda text: text.splitlines()[0], "lacks the column time"),
        (lambda text: text + "0.04,0.1\n", "not a table"),
    ],
)
def test_a_damaged_table_is_named(tmp_path, change, said):
    path = tmp_path / "face.csv"
    write_coefficients(path, np.full((1, ARKIT.size), 0.5))
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=said):
        read_coefficients(path)
    with pytest.raises(UserError, match="no such file"):
        read_coefficients(tmp_path / "gone.csv")
