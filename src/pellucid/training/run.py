"""The state of a fit: everything that an exact resume needs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid._math import ranks, seeds
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.objectives.base import Objective
from pellucid.training import checkpoint
from pellucid.training.plan import Adam, Plan, Validation
from pellucid.training.watch import History, Row, Watch

_TICK = 1.0  # seconds between signs of life


class Run:
    """What changes while a fit goes on: weights, their running mean, the best of it, optimisers, history."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,  # type: ignore[type-arg]
        plan: Plan,
        validation: Validation | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.model, self.plan, self.validation = model, plan, validation
        self.watch = watch or (lambda row: None)
        self.device = next(model.parameters()).device
        turns = objective.turns(model)
        self.moves = [turn for turn in turns for _ in range(turn.repeats)]
        self.optimisers = {t.name: _optimiser(t.parameters, plan.optimisers[t.name]) for t in turns}
        self.trained = {"model": model, "objective": objective}
        self.mean = [p.detach().clone() for p in model.parameters()]
        self.best = [p.clone() for p in self.mean]
        self.history, self.index = History(), 0
        self._sums: dict[str, Tensor] = {}
        self._logged = 0
        self._start = self._ticked = self._kept = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds spent, over all parts of the run."""
        return time.monotonic() - self._start

    def progress(self) -> float:
        """Return the part of the budget that is spent, on which all ranks agree."""
        return ranks.decide(self.plan.progress(self.index, self.seconds), self.device)

    def over(self, cancel: Callable[[], bool] | None) -> bool:
        """Whether the run ends before its budget does."""
        cancelled = cancel is not None and cancel()
        if ranks.decide(float(cancelled), self.device):
            self.history.status = "cancelled"
        return self.history.status != "done"

    def log(self, terms: dict[str, Tensor], repeats: int = 1) -> None:
        """Add the terms of one of so many moves of a step to the sums; nothing is copied to the host."""
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach().double() / repeats

    def advance(self) -> None:
        """Close a step: average the weights; evaluate, keep the state and tell of progress when due."""
        self.index += 1
        self._logged += 1
        decay = min(self.plan.averaging, self.index / (self.index + 10))
        torch._foreach_lerp_(self.mean, [p.detach() for p in self.model.parameters()], 1 - decay)
        interval = self.validation.interval if self.validation else 100
        if self.index % interval == 0 or self.index == self.plan.steps:
            self.evaluate()
        now = time.monotonic()
        if now - self._ticked > _TICK:
            self._ticked = now
            self.watch(self._row())
        if self.plan.checkpoint is not None and now - self._kept > self.plan.checkpoint_seconds:
            self.save(self.plan.checkpoint)

    def evaluate(self) -> None:
        """Add a row to the history; keep the averaged weights where they are the best so far."""
        losses = {name: ranks.mean(float(s) / self._logged, self.device) for name, s in self._sums.items()}
        self._sums, self._logged = {}, 0
        lowest = self.history.lowest
        if self.validation is not None:
            losses["validation"] = self._validate(self.validation)
        row = self._row() | losses
        self.history.rows.append(row)
        finite = torch.stack([mean.isfinite().all() for mean in self.mean]).all()
        if not bool(finite) or not all(math.isfinite(value) for value in row.values()):
            self.history.status = "diverged"
        elif row.get("validation", -math.inf) < lowest:
            self.history.best = self.index
            torch._foreach_copy_(self.best, self.mean)
        elif self.history.status == "done" and self._patience_is_over():
            self.history.status = "stopped"
        self.watch(row)

    def _row(self) -> Row:
        done = self.plan.progress(self.index, self.seconds)
        return {"step": float(self.index), "seconds": self.seconds, "progress": done}

    def _patience_is_over(self) -> bool:
        patience = self.validation.patience if self.validation else None
        since = [row for row in self.history.rows if row["step"] > self.history.best]
        return patience is not None and len(since) >= patience

    @torch.no_grad()
    def _validate(self, validation: Validation) -> float:
        """Return the validation of the averaged weights, with the same masks every time."""
        weights = [p.detach().clone() for p in self.model.parameters()]
        self._put(self.mean)
        step = Step(self.index, 1.0, seeds.generator(self.device, self.plan.seed, 1 << 40))
        with torch.autocast(self.device.type, self.plan.precision, enabled=self.plan.precision is not None):
            terms = validation.objective.terms(self.model, validation.source.draw(step), step)
        self._put(weights)
        return ranks.decide(float(torch.stack(list(terms.values())).sum()), self.device)

    def _put(self, weights: list[Tensor]) -> None:
        with torch.no_grad():
            torch._foreach_copy_(list(self.model.parameters()), weights)

    def close(self) -> History:
        """Keep the state, evaluate what has not been, leave the best weights in the model."""
        if self.plan.checkpoint is not None:  # before an evaluation that an uninterrupted run would not make
            self.save(self.plan.checkpoint)
        if self._logged and self.history.status != "diverged":
            self.evaluate()
        self._put(self.best)
        return self.history

    def save(self, path: Path) -> None:
        """Write the state of the run; rank 0 does. The last good one remains where this one is not."""
        self._kept = time.monotonic()
        if ranks.rank() == 0 and self.history.status != "diverged" and self._sound():
            checkpoint.save(path, self._tensors(), self._facts())

    def _sound(self) -> bool:
        """Whether all that is trained is finite."""
        return all(bool(p.isfinite().all()) for turn in self.moves for p in turn.parameters)

    def load(self, path: Path) -> None:
        """Take up the state that `save` wrote."""
        tensors, facts = checkpoint.load(path)
        own = self._tensors()
        same = {k: (v.shape, v.dtype) for k, v in own.items()} == {k: (v.shape, v.dtype) for k, v in tensors.items()}
        if not same or facts.keys() != self._facts().keys() or facts["seed"] != self.plan.seed:
            raise InputError(f"{path} was written by a run with another model or seed; use that run's settings.")
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(tensors[name])
        self.index, self._logged = facts["index"], facts["logged"]
        self._sums = {k: torch.tensor(v, dtype=torch.float64, device=self.device) for k, v in facts["sums"].items()}
        status = "done" if facts["status"] == "cancelled" else facts["status"]
        self.history = History(rows=facts["rows"], status=status, best=facts["best"])
        self._start = time.monotonic() - facts["seconds"]

    def _facts(self) -> dict[str, Any]:
        """Return what is no tensor of the state."""
        return {
            "index": self.index,
            "seconds": self.seconds,
            "rows": self.history.rows,
            "status": self.history.status,
            "best": self.history.best,
            "sums": {name: float(value) for name, value in self._sums.items()},
            "logged": self._logged,
            "seed": self.plan.seed,
        }

    def _tensors(self) -> dict[str, Tensor]:
        """Return every tensor of the state by name; they are the live ones, not copies."""
        named = {f"{part}.{k}": v for part, m in self.trained.items() for k, v in m.state_dict().items()}
        for kind, values in (("mean", self.mean), ("best", self.best)):
            named |= {f"{kind}.{i}": v for i, v in enumerate(values)}
        for turn, optimiser in self.optimisers.items():
            for i, p in enumerate(optimiser.param_groups[0]["params"]):
                named |= {f"adam.{turn}.{i}.{k}": v for k, v in optimiser.state[p].items()}
        return named


def _optimiser(parameters: Sequence[Tensor], setting: Adam) -> torch.optim.Adam:
    """Return Adam with its state made at once, so that a resumed run finds the same tensors."""
    optimiser = torch.optim.Adam(list(parameters), lr=setting.rate, betas=setting.betas, fused=True)
    for p in optimiser.param_groups[0]["params"]:
        optimiser.state[p] = {
            "step": torch.zeros((), dtype=torch.float32, device=p.device),
            "exp_avg": torch.zeros_like(p),
            "exp_avg_sq": torch.zeros_like(p),
        }
    return optimiser
