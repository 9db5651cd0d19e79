import inspect
from pathlib import Path

import pytest

from pellucid.errors import InputError
from pellucid.workflows.scan import geometry, modalities, modality, scan


@pytest.mark.parametrize("name", modalities())
def test_every_keyword_of_a_modality_is_described_and_has_a_default(name):
    of = modality(name)
    (path, *rest) = inspect.signature(of).parameters.values()
    assert path.name == "path"
    assert all(p.kind is p.KEYWORD_ONLY for p in rest)
    described = inspect.getdoc(of).split("Parameters")[1].split("Returns")[0]
    for key, (_, default) in geometry(name).items():
        assert key in described
        assert default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", modalities())
def test_what_a_modality_does_not_take_is_refused(name):
    with pytest.raises(InputError, match=f"{name} takes no colour; it takes "):
        scan(Path(__file__), name, {"colour": 3})
    with pytest.raises(InputError, match="does not exist"):
        scan(Path("nowhere.h5"), name, {})


def test_a_modality_that_is_none_is_refused_with_the_list():
    with pytest.raises(InputError, match="There is no modality xray: choose one of"):
        modality("xray")
