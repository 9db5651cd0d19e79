import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.workflows.learn import Job
from pellucid.workflows.particles_conformations import additions, conformations
from pellucid.workflows.particles_stack import Reading, stack
from pellucid.workflows.particles_training import Request

from .particle_stacks import SIZE, simulated

pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")


@pytest.fixture
def particles(tmp_path, rng):
    return stack(simulated(tmp_path), Reading(star=tmp_path / "p.star"), rng)


def learned(particles, **settings):
    request = Request(method="multi_cryogan", steps=5, settings=settings)
    return conformations(particles, request, Job(options=request.options, deadline=None), {"generated": True})


def test_maps_lie_along_the_axes_of_the_code(particles):
    found = learned(particles, code="2")
    places = ["-2", "-1", "+1", "+2"]
    assert list(found.images) == ["", *(f"_z{axis}{place}" for axis in (1, 2) for place in places)]
    maps = {name: np.asarray(image.data) for name, image in found.images.items()}
    assert all(volume.shape == (SIZE,) * 3 for volume in maps.values())
    assert not np.array_equal(maps["_z1-2"], maps["_z1+2"])
    ends = float(np.corrcoef(maps["_z2-2"].ravel(), maps["_z2+2"].ravel())[0, 1])
    assert found.facts["correlation_of_ends"][2] == pytest.approx(ends, abs=1e-4)
    assert f"{ends:.3f} along axis 2" in found.account.meaning[-1]
    assert "no measured frequency" in found.account.meaning[-1]


def test_names_follow_the_length_of_the_code():
    assert len(additions(Request(method="multi_cryogan", settings={"code": "3"}))) == 13


def test_a_seed_fixes_the_maps(particles):
    first, second = (np.asarray(learned(particles).images["_z1+1"].data) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_training_that_leaves_nothing_is_said_to(particles, monkeypatch):
    monkeypatch.setattr("pellucid.workflows.particles_conformations.trained", lambda *args, **how: None)
    with pytest.raises(InputError, match="still empty after this training"):
        learned(particles)
