"""Train a model on files, for many more of their kind."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pellucid.data.io import expand
from pellucid.training import package
from pellucid.workflows.events import Watch, silent
from pellucid.workflows.evidence import by_channel, choice_facts
from pellucid.workflows.files import Paths, forget, opened, stem, trained_on, twins_of
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.recordings import recorded

__all__ = ["train"]


def train(
    inputs: Paths,
    options: Options | None = None,
    *,
    output: Path,
    axes: str | None = None,
    channel: str | None = None,
    pairs: Paths = (),
    overwrite: bool = False,
    resume: bool = False,
    watch: Watch = silent,
    cancel: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Train one model on files or folders of them, and save it.

    Raises
    ------
    InputError
        In one sentence; nothing is written then.
    KeyboardInterrupt
        Where it was cancelled; a checkpoint is kept, and `resume` goes on from it.
    """
    start, options = time.monotonic(), options or Options()
    package.writable(output, overwrite=overwrite)
    reading = {"axes": axes, "channel": channel}
    paths = expand(inputs)
    images, others = ([opened(p, reading, False) for p in some] for some in (paths, twins_of(paths, pairs)))
    folder = output.with_name(stem(output) + ".checkpoint")
    deadline = options.deadline(start)
    job = Job(options=options, deadline=deadline, folder=folder, resume=resume, watch=watch, cancel=cancel)
    takes = [recorded(image, pair, None, options) for image, pair in zip_longest(images, others)]
    learned, second = ([image for take in takes for image in take.learned[k : k + 1]] for k in (0, 1))
    trained, lessons = trained_on(learned, second, job, None)
    trained.save(output, overwrite=overwrite)
    forget(job)
    where = {"input": [str(i.source) for i in images], "output": str(output)}
    took = {"seconds": round(time.monotonic() - start, 3)}
    warnings = {"warnings": list(dict.fromkeys(w for lesson in lessons for w in lesson.warnings))}
    return where | by_channel([choice_facts(lesson) for lesson in lessons]) | took | warnings
