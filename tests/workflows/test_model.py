import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from pellucid import methods
from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators import Identity
from pellucid.training import package
from pellucid.training.watch import table
from pellucid.workflows.learn import learn
from pellucid.workflows.model import Model


def model_of(image, job, dims=2, pairs=()):
    channels, lessons = learn([image], list(pairs), dims, job)
    chosen = lessons[0].chosen
    history = table(chosen.history.rows) if chosen.history else ""
    return Model(dims=dims, channels=channels, provenance={"seed": 0, "steps": [3]}, history=history)


def answers(model, y):
    """Return image and spread of every channel."""
    y = torch.as_tensor(np.asarray(y))
    shape = (1, *y.shape) if len(y) == model.channels[0].facts.volumes else (1, 1, *y.shape)
    given = Measurement(y=y.view(shape), operator=Identity())
    with torch.no_grad():
        return [part for c in model.channels for part in c.restorer.estimate(given) if part is not None]


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("target", ["model.pellucid", "model"])
def test_a_model_comes_back_to_the_bit(name, target, frame, again, job, tmp_path):
    needs = methods.card(name).needs
    pairs = [again] if needs in ("repeats", "truth") else []
    image = Image(data=np.stack([frame.data, again.data] * 3), axes="TYX") if needs == "series" else frame
    model = model_of(image, job(name), pairs=pairs)
    found = Model.load(model.save(tmp_path / target))
    before, after = answers(model, image.data), answers(found, image.data)
    assert len(before) == len(after) > 0
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert found.channels[0].facts == model.channels[0].facts
    assert (found.provenance, found.history) == (model.provenance, model.history)


@pytest.mark.parametrize("planes", [6, 16])
def test_a_model_of_volumes_comes_back(planes, frame, job, tmp_path):
    rng = np.random.default_rng(0)
    stack = Image(data=frame.data + rng.normal(0, 5, (planes, 64, 64)).astype(np.float32), axes="ZYX")
    model = model_of(stack, job("noise2void"), dims=3)
    found = Model.load(model.save(tmp_path / "model.pellucid"))
    assert found.channels[0].restorer.stride(3) == model.channels[0].restorer.stride(3)
    part = stack.data[: planes // 4 * 4, :32, :32]
    assert all(torch.equal(a, b) for a, b in zip(answers(model, part), answers(found, part), strict=True))


def test_channels_keep_their_order_names_and_methods(frame, again, job, tmp_path):
    both = Image(data=np.stack([frame.data, 3 * again.data]), axes="CYX", channel_names=("DAPI", "GFP"))
    found = Model.load(model_of(both, job("total_variation")).save(tmp_path / "model.pellucid"))
    assert [c.facts.name for c in found.channels] == ["DAPI", "GFP"]
    assert found.channels[1].facts.scale != found.channels[0].facts.scale
    assert "DAPI" in package.load(tmp_path / "model.pellucid")[0]["README.md"]


def test_the_deepest_network_can_be_read(job, tmp_path):
    rng = np.random.default_rng(0)
    image = Image(data=rng.poisson(20, (96, 96)).astype(np.float32), axes="YX")
    model = model_of(image, job("noise2void", steps=1, settings={"depth": 4, "features": 2}))
    found = Model.load(model.save(tmp_path / "model.pellucid"))
    assert found.channels[0].restorer.stride(2) == (16, 16)


@pytest.fixture
def parts(frame, job, tmp_path):
    """Return the texts and weights of a good model."""
    return package.load(model_of(frame, job("noise2self")).save(tmp_path / "good.pellucid"))


@pytest.fixture
def refused(parts, tmp_path):
    """Return an assertion: a model with one change is refused in one sentence of input."""
    texts, weights = parts

    def check(match, *, card=None, channel=None, text=None, tensors=None):
        facts = json.loads(texts["model.json"])
        facts |= card or {}
        if channel:
            facts["channels"] = [facts["channels"][0] | channel]
        changed = texts | {"model.json": json.dumps(facts)} | (text or {})
        path = package.save(tmp_path / "bad.pellucid", changed, weights | (tensors or {}), overwrite=True)
        with pytest.raises(InputError, match=match):
            Model.load(path)

    return check


def test_the_control_of_the_refusals_is_read(parts, tmp_path):
    texts, weights = parts
    card = json.dumps(json.loads(texts["model.json"]))
    Model.load(package.save(tmp_path / "same.pellucid", texts | {"model.json": card}, weights))


@pytest.mark.parametrize(
    "card",
    [
        {"schema_version": 2},
        {"schema_version": "1"},
        {"dims": 4},
        {"channels": []},
        {"channels": 3},
        {"surprise": 1},
    ],
)
def test_a_card_of_another_kind_is_refused(card, refused):
    refused("is no model that this version can read", card=card)


@pytest.mark.parametrize(
    "channel",
    [
        {"offset": float("nan")},
        {"offset": float("inf")},
        {"offset": 1e300},
        {"scale": 0.0},
        {"scale": -1.0},
        {"scale": 1e-200},
        {"scale": 1e200},
        {"stabilise": "perhaps"},
        {"settings": {"features": [4]}},
        {"settings": {"features": {"$ref": "x"}}},
        {"noise": {"kind": "gaussian", "sigma": float("nan")}},
        {"noise": {"kind": "gaussian", "sigma": -1.0}},
        {"noise": {"kind": "gaussian", "sigma": 1.0, "surprise": 1}},
        {"noise": {"kind": "salt"}},
        {"surprise": 1},
    ],
)
def test_facts_of_a_channel_that_make_no_sense_are_refused(channel, refused):
    refused("is no model that this version can read: channels.0", channel=channel)


@pytest.mark.parametrize(
    ("channel", "match"),
    [
        ({"method": "noise2viod"}, "There is no method"),
        ({"method": "../../evil"}, "There is no method"),
        ({"method": "registry"}, "There is no method"),
        ({"settings": {"surprise": 1}}, "has no setting surprise"),
        ({"settings": {"features": 10**12}}, "up to 4096"),
        ({"settings": {"features": 4096}}, "too large"),
        ({"settings": {"features": 1, "depth": 60}}, "too large"),
        ({"settings": {"features": "many"}}, "whole number"),
        ({"noise": {"kind": "gaussian", "sigma": 1e300}}, "finite positive number"),
        ({"noise": {"kind": "gaussian", "sigma": 0.0}}, "finite positive number"),
        ({"noise": {"kind": "poisson-gaussian", "gain": 0.0, "sigma": 1.0}}, "finite positive number"),
        ({"method": "non_local_means", "settings": {}}, "weights that do not fit"),
        ({"settings": {"features": 8}}, "weights that do not fit"),
    ],
)
def test_methods_settings_and_noise_are_checked_as_those_of_a_user(channel, match, refused):
    refused(match, channel=channel)


def test_weights_that_do_not_fit_are_refused(parts, refused):
    _, weights = parts
    name, value = next(iter(weights.items()))
    for other in (value * torch.nan, value[:1], value.double(), torch.full_like(value, torch.inf)):
        refused("weights that do not fit its method noise2self", tensors={name: other})
    refused("weights that do not fit", tensors={"0.surprise": value})
    refused("belong to none of its channels", tensors={"1.surprise": value})
    refused("belong to none of its channels", tensors={"surprise": value})


def test_texts_that_are_not_what_they_should_be_are_refused(refused):
    refused("is no model that this version can read", text={"model.json": "{"})
    refused("is no model that this version can read", text={"model.json": "[" * 100_000})
    refused("not JSON", text={"provenance.json": "{"})
    refused("belong to none", text={"provenance.json": "[1]"})


def test_pickled_weights_are_refused(parts, tmp_path):
    texts, weights = parts
    folder = package.save(tmp_path / "bad", texts, weights)
    (folder / package.WEIGHTS).write_bytes(pickle.dumps({"0.a": 1}))
    with pytest.raises(InputError, match="pickled models are never opened"):
        Model.load(folder)
    (folder / package.WEIGHTS).write_bytes(save(weights))
    assert Model.load(folder).dims == 2
    assert load(save(weights)).keys() == weights.keys()


def test_a_model_that_is_there_is_replaced_only_where_asked(frame, job, tmp_path):
    model = model_of(frame, job("total_variation"))
    path = model.save(tmp_path / "model.pellucid")
    with pytest.raises(InputError, match="exists already"):
        model.save(path)
    assert model.save(path, overwrite=True) == path
