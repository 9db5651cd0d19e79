import mrcfile
import numpy as np
import pytest

from pellucid.data.io import star
from pellucid.errors import InputError

pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")

OPTICS = """
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnVoltage #3
_rlnSphericalAberration #4
_rlnAmplitudeContrast #5
_rlnImagePixelSize #6
first 1 300.0 2.7 0.1 1.5
second 2 200.0 2.0 0.07 1.5

"""
PARTICLES = """
data_particles

loop_
_rlnImageName #1
_rlnDefocusU #2
_rlnDefocusV #3
_rlnDefocusAngle #4
_rlnAngleRot #5
_rlnAngleTilt #6
_rlnAnglePsi #7
_rlnOriginXAngst #8
_rlnOriginYAngst #9
_rlnOpticsGroup #10
000002@a.mrcs 12000 10000 30 10 20 30 1.5 -3.0 2
000001@more/b.mrcs 15000 15000 0 -90 45 180 0.0 0.0 1
000001@a.mrcs 15000 15000 0 0 0 0 0.0 0.0 1
"""
VERSION_30 = """
data_

loop_
_rlnImageName #1
_rlnDetectorPixelSize #2
_rlnMagnification #3
_rlnOriginX #4
_rlnOriginY #5
1@a.mrcs 5 50000 1.0 2.0
2@a.mrcs 5 50000 0.0 0.0
"""


@pytest.fixture
def folder(tmp_path, numpy_rng):
    (tmp_path / "more").mkdir()
    for name, count in (("a.mrcs", 2), ("more/b.mrcs", 1)):
        with mrcfile.new(tmp_path / name) as file:
            file.set_data(numpy_rng.normal(size=(count, 6, 6)).astype(np.float32))
            file.set_image_stack()
    return tmp_path


def written(folder, text):
    path = folder / "particles.star"
    path.write_text(text)
    return path


def processed(column):
    """Return the tables with a column that says what was done to the images of the second group."""
    optics = OPTICS.replace("Size #6\n", f"Size #6\n_{column} #7\n")
    return optics.replace("0.1 1.5\n", "0.1 1.5 0\n").replace("0.07 1.5\n", "0.07 1.5 1\n") + PARTICLES


def test_version_31_takes_the_optics_from_their_table(folder):
    found = star.read(written(folder, OPTICS + PARTICLES))
    with mrcfile.open(folder / "a.mrcs") as a, mrcfile.open(folder / "more/b.mrcs") as b:
        np.testing.assert_array_equal(found.images, np.stack((a.data[1], b.data.reshape(1, 6, 6)[0], a.data[0])))
    assert found.pixel_size_angstrom == 1.5
    np.testing.assert_allclose(found.angles[0], np.radians([10, 20, 30]))
    np.testing.assert_allclose(found.shifts, [[2.0, -1.0], [0, 0], [0, 0]])
    np.testing.assert_allclose(found.optics["voltage_kv"], [200, 300, 300])
    np.testing.assert_allclose(found.optics["amplitude_contrast"], [0.07, 0.1, 0.1])
    np.testing.assert_allclose(found.optics["defocus_um"], [1.1, 1.5, 1.5])
    np.testing.assert_allclose(found.optics["astigmatism_um"], [0.1, 0, 0])
    np.testing.assert_allclose(found.optics["astigmatism_angle"], np.radians([30, 0, 0]))
    assert found.optics["b_factor_angstrom2"].tolist() == found.optics["phase_shift"].tolist() == [0, 0, 0]


def test_version_30_takes_the_pixel_from_the_magnification_and_origins_in_pixels(folder):
    found = star.read(written(folder, VERSION_30))
    assert (found.pixel_size_angstrom, found.angles, found.optics) == (1.0, None, None)
    np.testing.assert_allclose(found.shifts, [[-2.0, -1.0], [0, 0]])


def test_envelopes_damp_whatever_the_sign_of_their_program(folder):
    text = PARTICLES.replace("Group #10\n", "Group #10\n_rlnCtfBfactor #11\n_rlnCtfScalefactor #12\n")
    for row, added in ((" -3.0 2\n", "-26 0.9"), ("180 0.0 0.0 1\n", "40 1"), ("0 0 0 0.0 0.0 1\n", "0 0.5")):
        assert row in text
        text = text.replace(row, f"{row[:-1]} {added}\n", 1)
    found = star.read(written(folder, OPTICS + text))
    assert found.optics["b_factor_angstrom2"].tolist() == [26, 40, 0]
    assert found.optics["scale"].tolist() == [0.9, 1, 0.5]


def test_stacks_lie_in_the_folder_that_is_given(folder, tmp_path):
    inner = tmp_path / "jobs"
    inner.mkdir()
    path = written(inner, VERSION_30)
    with pytest.raises(InputError, match=r"names a.mrcs, which is not in .*jobs: give the folder"):
        star.read(path)
    assert star.read(path, folder).images.shape == (2, 6, 6)


def test_one_stack_takes_the_place_of_the_one_that_is_named(folder):
    path = written(folder, VERSION_30.replace("a.mrcs", "gone/c.mrcs"))
    found = star.read(path, images=folder / "a.mrcs")
    np.testing.assert_array_equal(found.images, star.read(written(folder, VERSION_30)).images)
    assert found.names == ("1@gone/c.mrcs", "2@gone/c.mrcs")
    with pytest.raises(InputError, match=r"lists 2 particles and b\.mrcs holds 1"):
        star.read(path, images=folder / "more/b.mrcs")
    with pytest.raises(InputError, match="names 2 stacks, and one was given"):
        star.read(written(folder, OPTICS + PARTICLES), images=folder / "a.mrcs")


def test_tables_are_returned_as_they_stand(folder):
    found = star.tables(written(folder, OPTICS + PARTICLES))
    assert list(found) == ["optics", "particles"]
    assert found["optics"]["rlnVoltage"] == [300, 200]
    assert found["particles"]["rlnImageName"][1] == "000001@more/b.mrcs"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (VERSION_30.replace("2@a.mrcs", "2@c.mrcs"), "names c.mrcs, which is not in"),
        (VERSION_30.replace("2@a.mrcs", "3@a.mrcs"), "names image 3 of a.mrcs, which holds 2"),
        (VERSION_30.replace("2@a.mrcs", "a.mrcs"), "a number and a stack"),
        (VERSION_30.replace("2@a.mrcs", "2@../a.mrcs"), "outside"),
        (VERSION_30.replace("2@a.mrcs", "1@/etc/passwd"), "outside"),
        (VERSION_30.replace("5 50000 0.0 0.0", "5 50000 x 0.0"), "rlnOriginX .* no finite numbers"),
        (VERSION_30.replace("5 50000 0.0 0.0", "5 50000 nan 0.0"), "rlnOriginX .* no finite numbers"),
        (VERSION_30.replace("5 50000 0.0 0.0", "5 20000 0.0 0.0"), "1 to 2.5 angstrom, .*: give one optics group"),
        (VERSION_30.replace("rlnImageName", "rlnMicrographName"), "holds no table of particles"),
        ("", "holds no table of particles"),
        ("\x00\x93NUMPY", "no table of particles|could not be read"),
        (OPTICS + PARTICLES.replace("0.0 0.0 1", "0.0 0.0 7"), "optics group 7"),
        (PARTICLES, "no size of a pixel"),
        (processed("rlnCtfDataAreCtfPremultiplied"), r"multiplied by .* \(rlnCtfDataAreCtfPremultiplied\): extract"),
        (processed("rlnCtfDataArePhaseFlipped"), "given the phases"),
        (PARTICLES.replace("_rlnOriginXAngst", "_rlnOther"), "lacks the column rlnVoltage"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(folder, text, reason):
    with pytest.raises(InputError, match=reason) as caught:
        star.read(written(folder, text))
    assert "\n" not in str(caught.value)


def test_images_of_two_sizes_are_refused(folder):
    with mrcfile.new(folder / "c.mrcs") as file:
        file.set_data(np.zeros((1, 4, 4), np.float32))
    with pytest.raises(InputError, match="split"):
        star.read(written(folder, VERSION_30.replace("2@a.mrcs", "1@c.mrcs")))


def test_a_map_is_no_stack(folder):
    with mrcfile.new(folder / "map.mrc") as file:
        file.set_data(np.zeros((6, 6, 6), np.float32))
    with pytest.raises(InputError, match=r"map\.mrc is a map of 6 x 6 x 6 voxels, and a stack of images is expected"):
        star.bare(folder / "map.mrc")
    assert star.bare((folder / "map.mrc").rename(folder / "map.mrcs")).images.shape == (6, 6, 6)


@pytest.mark.real
def test_real_particles(data_root):
    folder = data_root / "cryoem_particles_small"
    with pytest.warns(UserWarning, match="lacks the MRC mark"):
        relion, empiar = (star.read(folder / name) for name in ("relion31.star", "empiar_10076_7.star"))
    assert relion.images.shape == (5, 256, 256)
    assert relion.pixel_size_angstrom == 2.806
    np.testing.assert_allclose(np.degrees(relion.angles[1]), [-100.20986, 80.4889, 123.77474])
    np.testing.assert_allclose(relion.shifts[0] * 2.806, [0.64686, -0.019324])
    np.testing.assert_allclose(relion.optics["defocus_um"][0], 1.2976832418)
    assert (empiar.images.shape, empiar.angles) == ((7, 320, 320), None)
    assert empiar.pixel_size_angstrom == pytest.approx(1.31, abs=1e-3)


@pytest.mark.real
@pytest.mark.parametrize("name", ["sample_particles_relion30.star", "sample_particles_relion31.star"])
def test_real_tables_without_their_stacks(data_root, name):
    with pytest.raises(InputError, match=r"names sample.mrcs, which is not in"):
        star.read(data_root / "formats_mrc_star" / name)


@pytest.mark.real
def test_a_table_without_particles(data_root):
    with pytest.raises(InputError, match="no table of particles"):
        star.read(data_root / "formats_mrc_star/sample_data_model.star")
