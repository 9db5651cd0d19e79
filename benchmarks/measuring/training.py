"""Methods of Pellucid trained on tensors in memory: the library's own parts, with nothing held out."""

import time

import torch

from pellucid.data.patches import Patches
from pellucid.methods import build, settings
from pellucid.training import Plan, fit
from pellucid.workflows.options import training_precision


def trained(name, data, *, steps=None, seconds=None, seed=0, **given):
    """Return a method that is fitted to `data`, and its steps; of `given` it gets the settings that it has.

    Steps or seconds are those of the whole training; stages share the seconds, and each has the steps.
    """
    known = {key: value for key, value in given.items() if key in settings(name)}
    method, done = build(name, data, rng=torch.Generator().manual_seed(seed), **known), 0
    start = time.monotonic()
    for index, stage in enumerate(method.stages):
        if stage.start is not None:
            stage.start(data)
        share = stage.share / sum(later.share for later in method.stages[index:])
        plan = Plan(
            steps=min((n for n in (steps, stage.steps) if n is not None), default=None),
            seconds=None if seconds is None else max(0.5, share * (start + seconds - time.monotonic())),
            seed=seed,
            optimisers={"model": stage.adam},
            precision=training_precision(data.y.device),
        )
        source = Patches(data=data, patch=stage.patch, batch=stage.batch, symmetries=stage.symmetries)
        done += fit(stage.model, stage.objective, source, plan).steps
    return method, done
