import json

import numpy as np
import pytest
from scipy import ndimage

from pellucid.data.image import Image
from pellucid.data.io import write
from pellucid.errors import InputError
from pellucid.workflows.evaluate import evaluate

SIDE = 96


@pytest.fixture
def files(tmp_path, numpy_rng):
    """Write truth, two recordings of it, and images restored by smoothing one and by the truth itself."""
    spots = ndimage.gaussian_filter((numpy_rng.random((2, SIDE, SIDE)) < 0.004).astype(float), (0, 4, 4))
    truth = 30 + 150 * spots / spots.max()
    shots = [truth + numpy_rng.normal(0, 8, truth.shape) for _ in range(2)]
    arrays = {
        "truth": truth,
        "noisy": shots[0],
        "second": shots[1],
        "good": 0.9 * truth + 0.1 * shots[0],
        "bad": ndimage.gaussian_filter(truth, (0, 8, 8)),
    }

    def save(name, axes="TYX", provenance=None, data=None):
        path = tmp_path / f"{name}.ome.tif"
        array = np.asarray(arrays[name] if data is None else data, dtype=np.float32)
        write(path, Image(data=array, axes=axes), provenance=provenance, overwrite=True)
        return path

    return save, arrays


def test_residual_alone_tells_good_from_bad_and_says_what_it_cannot(files):
    save, _ = files
    good, bad = (evaluate(save(name), save("noisy")) for name in ("good", "bad"))
    assert good.verdict.level == "green"
    assert bad.verdict.level == "red"
    assert good.channels[0].risk is None
    assert any("How large the error is" in text for text in good.verdict.not_checked)
    assert "Not checked" in str(good)
    assert any("planted into this image" in text for text in good.verdict.not_checked)
    assert "What was removed has" in str(good)
    assert json.loads(json.dumps(good.as_dict()))["channels"][0]["risk"] is None


def test_risk_comes_from_the_provenance_of_the_file(files):
    save, _ = files
    provenance = {"method": ["noise2void"], "risk": [80.0], "risk_se": [1.0], "noise_variance": [64.0]}
    found = evaluate(save("good", provenance=provenance), save("noisy"))
    assert found.channels[0].risk.error == pytest.approx(16.0)
    assert any("the model is off by 4" in reason for reason in found.verdict.reasons)
    untrusted = {"method": "noise2void", "risk": ["1; rm"], "risk_se": None, "noise_variance": [1.0]}
    assert evaluate(save("good", provenance=untrusted), save("noisy")).channels[0].risk is None


def test_second_shot_tells_the_error(files):
    save, arrays = files
    found = evaluate(save("good"), save("noisy"), second_shot=save("second")).channels[0]
    true = np.mean((arrays["good"] - arrays["truth"]) ** 2)
    assert found.risk.error == pytest.approx(true, abs=4 * found.risk.se)
    assert found.numbers["frc_pixels"] <= found.numbers["frc_pixels_noisy"]
    assert any("what both recordings share" in text for text in found.notes)
    assert any("all pixels of a second recording" in text for text in found.notes)
    assert found.verdict.warnings == ()
    brighter = save("brighter", data=1.2 * arrays["second"])
    warnings = evaluate(save("good"), save("noisy"), second_shot=brighter).verdict.warnings
    assert "brighter" in warnings[0]


def test_truth_gives_metrics_of_both_images(files):
    save, arrays = files
    numbers = evaluate(save("good"), save("noisy"), truth=save("truth")).channels[0].numbers
    error = np.mean((arrays["good"] - arrays["truth"]) ** 2)
    span = np.ptp(arrays["truth"])
    assert numbers["psnr"] == pytest.approx(10 * np.log10(span**2 / error), abs=0.01)
    assert numbers["psnr"] > numbers["psnr_noisy"] + 15
    assert numbers["psnr_affine"] >= numbers["psnr"]
    assert 1 > numbers["ssim"] > numbers["ssim_noisy"]
    assert "psnr_255" not in numbers


def test_range_255_only_where_the_recording_is_8_bit(files, tmp_path):
    _, arrays = files
    clipped = {name: np.clip(np.rint(arrays[name]), 0, 255).astype(np.uint8) for name in ("good", "noisy", "truth")}
    paths = []
    for name, array in clipped.items():
        paths.append(tmp_path / f"{name}.ome.tif")
        write(paths[-1], Image(data=array, axes="TYX"))
    numbers = evaluate(paths[0], paths[1], truth=paths[2]).channels[0].numbers
    span = float(np.ptp(clipped["truth"]))
    assert numbers["psnr_255"] == pytest.approx(numbers["psnr"] + 20 * np.log10(255 / span))


def test_each_channel_is_judged_and_the_worst_counts(files):
    save, arrays = files
    both = save("both", axes="CYX", data=np.stack([arrays["good"][0], arrays["bad"][0]]))
    noisy = save("noisy", axes="CYX", data=np.stack([arrays["noisy"][0], arrays["noisy"][0]]))
    found = evaluate(both, noisy)
    assert [channel.verdict.level for channel in found.channels] == ["green", "red"]
    assert found.as_dict()["verdict"] == "red"
    assert "Channel 1: RED" in str(found)


def test_refuses_what_does_not_belong_together(files, tmp_path):
    save, arrays = files
    with pytest.raises(InputError, match="belong together"):
        evaluate(save("good"), save("small", data=arrays["noisy"][:, :-2]))
    with pytest.raises(InputError, match="does not exist"):
        evaluate(save("good"), tmp_path / "absent.tif")
    np.save(tmp_path / "plain.npy", arrays["noisy"].astype(np.float32))  # has no axes of its own
    assert evaluate(save("good"), tmp_path / "plain.npy").verdict.level == "green"


def test_intervals_of_a_spread_are_checked_against_truth_and_second_shot(files):
    save, arrays = files
    error = 0.1 * 8.0  # of the good image, which holds a tenth of the noise
    spread = save("spread", data=np.full_like(arrays["noisy"], error))
    names = {"truth": save("truth"), "second_shot": save("second")}
    found = evaluate(save("good"), save("noisy"), spread=spread, **names).channels[0]
    assert found.numbers["coverage_truth"] == pytest.approx(0.9, abs=0.02)
    assert found.numbers["coverage_second"] == pytest.approx(0.9, abs=0.02)
    unsure = "stated uncertainty"
    assert not any(unsure in text for text in found.verdict.not_checked)
    alone = evaluate(save("good"), save("noisy")).verdict
    assert any(unsure in text for text in alone.not_checked)


def test_a_calibrated_spread_is_told(files):
    save, _ = files
    entry = {"factor": 1.5, "low": 1.2, "high": 1.8, "coverage_claimed": 0.8, "coverage": 0.9, "pixels": 900}
    found = evaluate(save("good", provenance={"method": ["noise2void"], "spread": [entry]}), save("noisy")).channels[0]
    assert any("multiplied by 1.5: it is between 1.2 and 1.8 times" in text for text in found.notes)


def test_the_resolution_of_a_restored_image_by_itself_is_refused_with_the_reason(files):
    save, _ = files
    raw = evaluate(save("good"), save("noisy")).channels[0]
    assert ("frc_pixels_noisy_alone" in raw.numbers) is not any("correlated between pixels" in t for t in raw.notes)
    restored = evaluate(save("good"), save("noisy", provenance={"method": ["noise2void"]})).channels[0]
    assert "frc_pixels_noisy_alone" not in restored.numbers
    assert any("has no resolution of its own" in text for text in restored.notes)
