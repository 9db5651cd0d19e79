import numpy as np

from pellucid.data.kspace import measured


def test_a_sample_of_any_coil_was_measured():
    data = np.zeros((1, 2, 2, 2), complex)
    data[0, 1, 0, 1] = 1j
    assert measured(data).tolist() == [[[False, True], [False, False]]]
