import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.noise.levels import Levels


def test_ends_where_values_pile_up_are_clipped(numpy_rng):
    y = np.clip(numpy_rng.poisson(100, (64, 64)), 0, 110).astype(float)
    levels = Levels.of(y)
    assert (levels.step, levels.high, levels.dark) == (1.0, 110.0, 0.0)
    dark, bright = levels.clipped(y)
    assert not dark.any()
    assert bright.mean() == levels.bright == (y == 110).mean()
    assert Levels.of(numpy_rng.poisson(100, (64, 64)).astype(float)).bright == 0


def test_what_levels_do_to_the_image_is_told(numpy_rng):
    y = numpy_rng.normal(100, 5, (64, 64))
    variance = np.array([25.0])
    assert Levels.of(y.round()).warnings(variance) == ()
    assert "saturated at 104" in Levels.of(y.round().clip(max=104)).warnings(variance)[0]
    assert "16 apart" in Levels.of(16 * (y / 16).round()).warnings(variance)[0]


def test_a_mask_is_no_image_but_single_photons_are(numpy_rng):
    row, column = np.mgrid[:64, :64]
    inside = np.hypot(row - 30, column - 30) < 20
    with pytest.raises(InputError, match="a mask is not restored"):
        Levels.of(255.0 * (inside ^ (numpy_rng.random((64, 64)) < 0.02)))
    photons = numpy_rng.random((64, 64)) < np.where(inside, 0.3, 0.01)
    assert Levels.of(photons.astype(float)).step == 1
