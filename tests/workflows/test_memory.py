import torch

from pellucid.workflows.memory import peak_memory


def test_peak_is_that_of_the_work_and_not_of_what_follows():
    with peak_memory(torch.device("cpu")) as nothing:
        pass
    with peak_memory(torch.device("cpu")) as memory:
        large = torch.ones(2**26)
        del large
    kept = memory.peak
    assert kept > nothing.peak + 2**27
    larger = torch.ones(2**27)
    assert memory.peak == kept
    del larger
