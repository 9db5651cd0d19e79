import pytest

from pellucid.data.io.units import UNITS, unit_name


@pytest.mark.parametrize("name", UNITS)
def test_every_symbol_reads_back_as_its_name(name):
    symbol, _ = UNITS[name]
    assert unit_name(symbol) == name == unit_name(name)


@pytest.mark.parametrize("text", ["µm", "μm", "um", "micron", "\\u00B5m"])
def test_the_spellings_of_a_micrometre(text):
    assert unit_name(text) == "micrometer"


def test_what_is_no_unit_is_none():
    assert unit_name("pixel") is None
    assert unit_name("") is None
