import importlib
import inspect
import pkgutil

import pytest
import torch

from pellucid import methods
from pellucid.errors import InputError
from pellucid.methods import Card, registry

NAMES = methods.names()
NEEDS = {
    "denoise": ("image", "repeats", "truth", "series"),
    "reconstruct": ("measurements", "repeats", "truth", "unpaired"),
    "generate": ("measurements", "particles", "clean", "unpaired", "pairs"),
}


def test_methods_are_found_where_they_lie():
    assert {"noise2noise", "noise2void", "noise2self", "non_local_means", "total_variation"} <= {*NAMES}
    assert list(NAMES) == sorted(NAMES)
    files = {module.name for module in pkgutil.iter_modules(methods.__path__)}
    for name in files - {*NAMES}:  # the rest are no methods
        assert not hasattr(importlib.import_module(f"pellucid.methods.{name}"), "CARD")


@pytest.mark.parametrize(("task", "name"), [(task, name) for task in methods.TASKS for name in methods.names(task)])
def test_every_card_is_complete(task, name):
    card = methods.card(name, task)
    assert isinstance(card, Card)
    assert card.needs in NEEDS[task]
    assert card.gives.startswith(("image", "map", "poses"))
    assert card.title
    for text in (card.assumes, card.equation, card.paper):
        assert len(text) >= 10
    assert any(year in card.paper for year in map(str, range(1980, 2030)))


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_described_and_has_a_default_that_passes(name, scene, built):
    text = inspect.getdoc(registry.function(name))
    for key, (kind, default) in methods.settings(name).items():
        assert key in text.split("Returns")[0].split("Parameters")[1]
        assert default is not inspect.Parameter.empty
        assert default is None or registry._convert(name, key, kind, default) == default
        assert default is None or registry._convert(name, key, kind, str(default)) == default


@pytest.mark.parametrize(
    ("task", "name"), [(task, name) for task in ("reconstruct", "generate") for name in methods.names(task)]
)
def test_every_setting_of_other_tasks_is_described_and_has_a_default(task, name):
    text = inspect.getdoc(registry.function(name, task))
    for key, (kind, default) in methods.settings(name, task).items():
        assert key in text.split("Returns")[0].split("Parameters")[1]
        off = default is None or (kind in (int, float) and default == 0)
        assert off or registry._convert(name, key, kind, str(default)) == default


@pytest.mark.parametrize("name", [n for n in methods.names("reconstruct") if n not in NAMES])
def test_a_method_of_another_task_is_named_as_such(name):
    with pytest.raises(InputError, match=f"{name} is a method to reconstruct, not to denoise: .*noise2noise, "):
        methods.card(name)


@pytest.mark.parametrize(("typed", "meant"), [("noise2viod", "noise2void"), ("nonlocalmeans", "non_local_means")])
def test_a_near_miss_is_guessed(typed, meant):
    with pytest.raises(InputError, match=f"There is no method {typed}. Did you mean {meant}?"):
        methods.card(typed)


@pytest.mark.parametrize("typed", ["zzz", "method", "registry", "../noise2void", "torch", ""])
def test_what_is_no_method_is_refused_with_the_list(typed):
    with pytest.raises(InputError, match="There is no method"):
        methods.card(typed)


def test_an_unknown_setting_is_refused_with_the_list(scene):
    with pytest.raises(InputError, match="noise2noise has no setting feature; it has loss, variance, features"):
        methods.build("noise2noise", scene.record(1), rng=torch.Generator(), feature=3)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("features", "12", 12),
        ("features", 12, 12),
        ("rate", "2e-3", 2e-3),
        ("rate", 1, 1.0),
        ("flips", "yes", True),
        ("flips", "False", False),
        ("flips", "0", False),
        ("flips", True, True),
        ("inference", "single", "single"),
    ],
)
def test_text_becomes_what_the_signature_says(key, value, expected):
    kind, _ = methods.settings("noise2self")[key]
    converted = registry._convert("noise2self", key, kind, value)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("features", "many", "a whole number"),
        ("features", "2.5", "a whole number"),
        ("features", 2.5, "a whole number"),
        ("features", True, "a whole number"),
        ("features", "0", "a whole number above zero, up to 4096"),
        ("features", "-3", "above zero"),
        ("batch", 10**9, "up to 4096"),
        ("rate", "nan", "a number above zero"),
        ("rate", "inf", "a number above zero"),
        ("rate", None, "a number"),
        ("flips", "perhaps", "true or false"),
        ("inference", "both", "one of posterior, j_invariant, single"),
        ("inference", ["single"], "one of posterior"),
    ],
)
def test_a_setting_of_another_kind_is_refused(key, value, wanted, scene, built):
    with pytest.raises(InputError, match=f"The setting {key} of noise2self is .*{wanted}"):
        built("noise2self", scene.record(1), **{key: value})
