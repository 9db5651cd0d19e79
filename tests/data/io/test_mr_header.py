import pytest

from pellucid.data.io.mr_header import parse
from pellucid.errors import InputError


def test_sizes_and_limits_are_read(make_header):
    encoding = parse(make_header(), "scan.h5")
    assert encoding.encoded == (16, 12, 1)
    assert encoding.matrix == (8, 12, 1)
    assert encoding.voxel_mm == (20, 20, 4)
    assert encoding.step == (0, 8, 4)
    assert encoding.trajectory == "cartesian"


def test_padding_is_that_of_the_fastmri_paper(make_header):
    """padding_left = y // 2 - centre, padding_right = padding_left + maximum + 1."""
    assert parse(make_header(), "scan.h5").padding(12) == (2, 1)
    assert parse(make_header(centre=6, last=11), "scan.h5").padding(12) == (0, 0)


def test_the_matrix_follows_the_field_of_view(make_header):
    interpolated = parse(make_header(recon_x=64, recon_y=64), "scan.h5")
    assert interpolated.matrix == (8, 12, 1)


@pytest.mark.parametrize(
    ("xml", "sentence"),
    [
        ("", "damaged or no ISMRMRD header"),
        ("<a/>", "has no encoding"),
        ("<a><encoding/></a>", "the matrix 0 x 0 x 0"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares entities"),
        ("<ismrmrdHeader><encoding>", "damaged"),
    ],
)
def test_what_is_no_header_is_refused(xml, sentence):
    with pytest.raises(InputError, match=sentence):
        parse(xml, "scan.h5")


@pytest.mark.parametrize("change", [{"x": -4}, {"x": "many"}, {"centre": 40}, {"y": 10**9}, {"fov_x": "wide"}])
def test_sizes_that_make_no_sense_are_refused(make_header, change):
    with pytest.raises(InputError, match=r"scan\.h5"):
        parse(make_header(**change), "scan.h5")
