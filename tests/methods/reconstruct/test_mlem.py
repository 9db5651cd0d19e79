import pytest

from pellucid.errors import InputError


def test_more_iterations_explain_the_data_better(blurred, built):
    data = blurred()
    for name in ("mlem", "rl", "sirt"):
        left = [
            float((data.operator(built(name, data, iterations=n).restorer(data)) - data.y).square().mean())
            for n in (1, 4, 16, 64)
        ]
        assert left == sorted(left, reverse=True)


def test_images_of_counts_are_positive_and_keep_them(blurred, built):
    data = blurred(unit=100.0)
    image = built("mlem", data).restorer(data)
    assert float(image.min()) >= 0
    assert float(image.sum() / data.y.sum()) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("name", ["mlem", "rl"])
def test_what_is_no_count_is_refused(name, blurred, built):
    data = blurred()
    with pytest.raises(InputError, match=r"needs counts, which are not negative, but \d+% of the"):
        built(name, data.with_y(data.y - 2))


def test_a_divergent_strength_is_refused(blurred, built):
    with pytest.raises(InputError, match=r"diverges at a strength of 0\.2: stay below 0\.15"):
        built("rl", blurred(), strength=0.2)


def test_sirt_knows_what_is_positive(blurred, built):
    data = blurred()
    data = data.with_y(data.y - 0.15)
    assert float(built("sirt", data, iterations=50).restorer(data).min()) < 0
    assert float(built("sirt", data, iterations=50, positive=True).restorer(data).min()) == 0
