"""How much memory a piece of work takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

_INTERVAL = 0.02  # seconds between looks at the memory of the process


@dataclass
class Memory:
    """The largest memory in use so far, in bytes."""

    peak: int = 0


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Memory]:
    """Measure the largest memory: what PyTorch allocates on a GPU; the resident memory of the whole process on a CPU.

    On a CPU the memory is looked at every 0.02 s; what is taken and given back in between is not seen.

    Examples
    --------
    >>> with peak_memory(torch.device("cpu")) as memory:
    ...     ones = torch.ones(2**20)
    >>> memory.peak > 2**22
    True
    """
    memory = Memory()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield memory
        memory.peak = torch.cuda.max_memory_allocated(device)
        return
    process, over = psutil.Process(), threading.Event()

    def look() -> None:
        memory.peak = max(memory.peak, process.memory_info().rss)

    def watch() -> None:
        while not over.wait(_INTERVAL):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        look()
        over.set()
        thread.join()
