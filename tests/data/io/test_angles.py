import math

import numpy as np
import pytest

from pellucid.data.io.angles import angles
from pellucid.errors import InputError


def test_a_range_stops_short_of_its_end_and_a_counted_one_holds_it():
    np.testing.assert_allclose(angles("0:180", 4, "a"), np.deg2rad([0, 45, 90, 135]))
    np.testing.assert_allclose(angles("-60:60:3", 3, "a"), np.deg2rad([-60, 0, 60]))
    np.testing.assert_allclose(angles("90:-90.0", 2, "a"), [math.pi / 2, 0])


@pytest.mark.parametrize("text", ["-60.0\n0\n 60.5 \n\n", "# degrees\n-60.0, 1\n0, 2\n60.5, 3\n"])
def test_a_file_holds_one_angle_a_line(tmp_path, text):
    path = tmp_path / "a.rawtlt"
    path.write_text(text)
    np.testing.assert_allclose(angles(path, 3, "a"), np.deg2rad([-60, 0, 60.5]))
    with pytest.raises(InputError, match=r"tilts\.mrc has 5 views and .*a\.rawtlt stands for 3 angles"):
        angles(path, 5, "tilts.mrc")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("0:180:7", "has 4 views and 0:180:7 stands for 7 angles"),
        ("0:a", "takes START:STOP"),
        ("0:1e9", "no angles in degrees"),
        ("0:nan", "no angles in degrees"),
        ("missing.tlt", "does not exist"),
    ],
)
def test_what_are_no_angles_is_refused(given, sentence):
    with pytest.raises(InputError, match=sentence):
        angles(given, 4, "scan.h5")


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "a.tlt"
    path.write_text("tilt angles:\n-60\n")
    with pytest.raises(InputError, match="no list of angles"):
        angles(path, 1, "a")
