import json
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist

from pellucid._math import ranks

DATA = torch.linspace(-1, 1, 10)
PARTS = (slice(0, 3), slice(3, 10))  # two ranks that do not see equally much


def loss_parts(weight: torch.Tensor, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
    return (weight * DATA[part] - 1).square().sum(), torch.tensor(float(len(DATA[part])))


def work(rank: int, store: str) -> dict[str, object]:
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    weight, unused, idle = (torch.ones((), requires_grad=True) for _ in range(3))
    part = ranks.shared_mean(*loss_parts(weight, PARTS[rank]))
    (part + unused * rank).backward()
    if rank == 0:
        unused.grad = None
    ranks.average_gradients([weight, unused, idle])
    facts = {
        "active": ranks.active(),
        "rank": ranks.rank(),
        "part": part.item(),
        "gradients": [float(p.grad) for p in (weight, unused, idle)],
        "decided": ranks.decide(10.0 + rank, torch.device("cpu")),
        "empty": float(ranks.shared_mean(torch.zeros(()), torch.zeros(()))),
    }
    dist.destroy_process_group()
    return facts


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    store = tmp_path_factory.mktemp("ranks") / "store"
    jobs = [
        subprocess.Popen([sys.executable, __file__, str(rank), str(store)], stdout=subprocess.PIPE) for rank in (0, 1)
    ]
    facts = [json.loads(job.communicate(timeout=120)[0].splitlines()[-1]) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0]
    return facts


def test_ranks_know_each_other(two_ranks):
    assert [facts["active"] for facts in two_ranks] == [True, True]
    assert [facts["rank"] for facts in two_ranks] == [0, 1]


def test_two_ranks_have_the_loss_and_the_gradient_of_one_process(two_ranks):
    weight = torch.ones((), requires_grad=True)
    loss = ranks.shared_mean(*loss_parts(weight, slice(0, 10)))
    loss.backward()
    assert sum(facts["part"] for facts in two_ranks) / 2 == pytest.approx(loss.item())
    assert [facts["gradients"][0] for facts in two_ranks] == pytest.approx([float(weight.grad)] * 2)


def test_missing_gradients_count_as_zero(two_ranks):
    assert [facts["gradients"][1:] for facts in two_ranks] == [[0.5, 0.0]] * 2


def test_rank_zero_decides(two_ranks):
    assert [facts["decided"] for facts in two_ranks] == [10.0, 10.0]


def test_mean_of_nothing_is_zero(two_ranks):
    assert [facts["empty"] for facts in two_ranks] == [0.0, 0.0]
    assert ranks.shared_mean(torch.zeros(()), torch.zeros(())) == 0


def test_one_process_is_alone():
    weight = torch.ones(2, requires_grad=True)
    ranks.average_gradients([weight])
    assert not ranks.active()
    assert (ranks.rank(), ranks.decide(3.0, torch.device("cpu")), weight.grad) == (0, 3.0, None)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(work(int(sys.argv[1]), sys.argv[2])))
