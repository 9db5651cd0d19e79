import time

import torch

from pellucid.workflows.memory import Memory, peak_memory


def exceeds(memory: Memory, peak: int, seconds: float = 30) -> bool:
    """Tell whether the memory that is looked at now and then exceeds a peak before the seconds are over."""
    end = time.monotonic() + seconds
    while memory.peak <= peak and time.monotonic() < end:
        time.sleep(0.01)
    return memory.peak > peak


def test_peak_is_that_of_the_work_and_not_of_what_follows():
    with peak_memory(torch.device("cpu")) as nothing:
        pass
    with peak_memory(torch.device("cpu")) as memory:
        large = torch.ones(2**26)
        assert exceeds(memory, nothing.peak + 2**27)
        del large
    kept = memory.peak
    larger = torch.ones(2**27)
    assert memory.peak == kept
    del larger
