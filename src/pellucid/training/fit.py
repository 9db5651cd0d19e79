"""The only training loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from pellucid._math import ranks, seeds
from pellucid.data.source import Source, Step
from pellucid.objectives.base import Objective
from pellucid.training.plan import Plan, Validation
from pellucid.training.run import Run
from pellucid.training.watch import History, Watch


def fit(
    model: nn.Module,
    objective: Objective,  # type: ignore[type-arg]
    source: Source,
    plan: Plan,
    *,
    validation: Validation | None = None,
    resume: Path | None = None,
    cancel: Callable[[], bool] | None = None,
    watch: Watch | None = None,
) -> History:
    """Minimise an objective over the parameters of a model; anytime, resumable, on one rank or many.

    theta* = argmin D(what was measured, what F_theta explains through H). The weights that remain in `model`
    are the running mean at its best validation, or at the end where there is none.

    Parameters
    ----------
    model
        Changed in place; its device is where everything happens.
    objective, source
        What is minimised, and on which batches.
    plan
        Budget, seed, optimisers, precision, checkpoint.
    validation
        Judges the running mean of the weights at intervals.
    resume
        A checkpoint of the same plan: the run goes on as if it had never been interrupted.
    cancel
        Asked before every step; at True the state is written and the best weights so far are returned.
    watch
        Told of progress.

    Returns
    -------
    History
        Losses, validations, and why the fit ended.

    Raises
    ------
    InputError
        Where the checkpoint belongs to another run.

    Notes
    -----
    Under `torch.distributed` gradients are averaged over ranks after each backward pass, and rank 0 decides
    about time, end and best: two ranks equal one process at twice the batch.
    """
    run = Run(model, objective, plan, validation, watch)
    if resume is not None:
        run.load(resume)
    rng = torch.Generator(run.device)
    while (progress := run.progress()) < 1 and not run.over(cancel):
        for number, turn in enumerate(run.moves):
            rng.manual_seed(seeds.mix(plan.seed, ranks.rank(), run.index, number))
            step = Step(run.index, progress, rng)
            batch = source.draw(step)
            with torch.autocast(run.device.type, plan.precision, enabled=plan.precision is not None):
                terms = turn.terms(batch, step)
            optimiser = run.optimisers[turn.name]
            optimiser.zero_grad()
            if trained := [p for p in turn.parameters if p.requires_grad]:
                torch.stack(list(terms.values())).sum().backward(inputs=trained)  # type: ignore[no-untyped-call]
            ranks.average_gradients(turn.parameters)
            optimiser.param_groups[0]["lr"] = plan.optimisers[turn.name].at(run.index, progress)
            optimiser.step()
            run.log(terms, turn.repeats)
        run.advance()
    return run.close()
