import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.report.markup import number, plus_minus

RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")


@given(st.floats(min_value=1e-300, max_value=1e300), st.sampled_from([-1, 1]))
def test_number_reads_back(size, sign):
    text = number(sign * size, 4).translate(RAISED)
    mantissa, _, power = text.partition(" × 10")
    assert "e" not in text
    assert float(f"{mantissa}e{power or 0}") == pytest.approx(sign * size, rel=6e-4)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.52347, 0.00124, "0.5235 ± 0.0012"),
        (-1234.5, 22.0, "−1234 ± 22"),
        (3.0, float("nan"), "3"),
        (1e-9, 1e-10, "1 × 10⁻⁹ ± 1 × 10⁻¹⁰"),
        (float("inf"), 1.0, "not measured"),
    ],
)
def test_plus_minus(value, error, text):
    assert plus_minus(value, error) == text
