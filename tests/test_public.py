import ast
from pathlib import Path

import pytest

import pellucid as pl


def declared():
    """Return the names that type checkers see, and where each lives."""
    tree = ast.parse(Path(pl.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    homes = {name.name: (node.module, name.name) for node in imports for name in node.names}
    renamed = {"open": homes.pop("read"), "info": homes.pop("inspect"), "load": (homes["Model"][0], "Model.load")}
    return homes | renamed


def test_type_checkers_see_what_python_finds():
    found = {}
    for name, (module, attribute) in pl._PLACES.items():
        parent, _, last = f"pellucid.{module}".rpartition(".")
        found[name] = (f"pellucid.{module}", attribute) if attribute else (parent, last)
    assert declared() == found
    assert set(dir(pl)) == {*found, "__version__"}


@pytest.mark.parametrize("name", sorted(pl._PLACES))
def test_every_name_is_there(name):
    found = getattr(pl, name)
    assert callable(found) or found.__name__.startswith("pellucid.")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'denoice'"):
        _ = pl.denoice


def test_version_is_that_of_the_package():
    assert pl.__version__.count(".") == 2
