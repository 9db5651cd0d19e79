import numpy as np

from pellucid.report.evidence import Residual


def correlation(plane: np.ndarray, radius: int = 2) -> Residual:
    power = np.abs(np.fft.fft2(plane - plane.mean())) ** 2
    full = np.fft.fftshift(np.fft.ifft2(power).real)
    row, column = (length // 2 for length in plane.shape)
    middle = full[row - radius : row + radius + 1, column - radius : column + radius + 1]
    return Residual(autocorrelation=middle / full.max(), count=plane.size)


def test_lag_along_x_is_the_correlation_of_neighbours_in_a_row():
    white = np.random.default_rng(0).normal(size=(128, 129))
    along_y, along_x = correlation(white[:, 1:] + white[:, :-1]).lag1
    assert abs(along_x - 0.5) < 0.03
    assert abs(along_y) < 0.03


def test_bound_holds_for_95_of_100_white_images():
    rng = np.random.default_rng(1)
    measured = [correlation(rng.normal(size=(32, 32))) for _ in range(500)]
    inside = np.mean([abs(lag) <= m.bound for m in measured for lag in m.lag1])
    assert abs(inside - 0.95) < 0.03
