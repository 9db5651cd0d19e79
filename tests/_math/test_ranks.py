import json
import os
import subprocess
import sys
import time
from pathlib import Path

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
    weight, unused, idle, rooted = (torch.ones((), requires_grad=True) for _ in range(4))
    part = ranks.shared_mean(*loss_parts(weight, PARTS[rank]))
    root = ranks.shared_root(*loss_parts(rooted, PARTS[rank]))
    (part + root + unused * rank).backward()
    if rank == 0:
        unused.grad = None
    ranks.average_gradients([weight, unused, idle, rooted])
    return {
        "active": ranks.active(),
        "rank": ranks.rank(),
        "part": part.item(),
        "root": root.item(),
        "gradients": [float(p.grad) for p in (weight, unused, idle, rooted)],
        "decided": ranks.decide(10.0 + rank, torch.device("cpu")),
        "empty": float(ranks.shared_mean(torch.zeros(()), torch.zeros(()))),
    }


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    store = tmp_path_factory.mktemp("ranks") / "store"
    jobs = [subprocess.Popen([sys.executable, __file__, str(rank), str(store)]) for rank in (0, 1)]
    assert [job.wait(timeout=120) for job in jobs] == [0, 0]
    return [json.loads(Path(f"{store}.{rank}").read_text()) for rank in (0, 1)]


def test_ranks_know_each_other(two_ranks):
    assert [facts["active"] for facts in two_ranks] == [True, True]
    assert [facts["rank"] for facts in two_ranks] == [0, 1]


def test_two_ranks_have_the_loss_and_the_gradient_of_one_process(two_ranks):
    weight = torch.ones((), requires_grad=True)
    loss = ranks.shared_mean(*loss_parts(weight, slice(0, 10)))
    loss.backward()
    assert sum(facts["part"] for facts in two_ranks) / 2 == pytest.approx(loss.item())
    assert [facts["gradients"][0] for facts in two_ranks] == pytest.approx([float(weight.grad)] * 2)


def test_two_ranks_have_the_root_of_the_mean_of_one_process(two_ranks):
    weight = torch.ones((), requires_grad=True)
    total, count = loss_parts(weight, slice(0, 10))
    root = (total / count).sqrt()
    root.backward()
    assert sum(facts["root"] for facts in two_ranks) / 2 == pytest.approx(root.item())
    assert [facts["gradients"][3] for facts in two_ranks] == pytest.approx([float(weight.grad)] * 2)


def test_the_root_of_nothing_is_zero_and_flat():
    weight = torch.ones(3, requires_grad=True)
    root = ranks.shared_root((0 * weight).square().sum(), torch.tensor(3.0))
    root.backward()
    assert root.detach() < 1e-18
    assert not weight.grad.any()


def test_missing_gradients_count_as_zero(two_ranks):
    assert [facts["gradients"][1:3] for facts in two_ranks] == [[0.5, 0.0]] * 2


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
    number, meeting = int(sys.argv[1]), sys.argv[2]
    Path(f"{meeting}.part{number}").write_text(json.dumps(work(number, meeting)))
    Path(f"{meeting}.part{number}").rename(f"{meeting}.{number}")
    while not all(Path(f"{meeting}.{rank}").is_file() for rank in (0, 1)):
        time.sleep(0.01)
    os._exit(0)  # gloo's threads may abort a process that ends in the ordinary way while its peer still runs
