import math

import pytest
import torch

from pellucid.errors import InputError
from pellucid.workflows.options import Options, applying_precision, duration, training_precision


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60.0), ("10m", 600.0), ("1.5h", 5400.0), ("90", 90.0), (" 2M ", 120.0), (5, 5.0), (0.25, 0.25)],
)
def test_durations_are_read(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "ten", "-3s", "0", "1d", "nan", "inf", "1e400", -5, math.nan])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(InputError, match="A budget is a time such as 60s, 10m or 1h"):
        duration(text)


def test_a_deadline_is_the_start_and_the_seconds_unless_steps_are_counted():
    assert Options(seconds=30.0).deadline(100.0) == 130.0
    assert Options(seconds=30.0, steps=5).deadline(100.0) is None
    assert Options(seconds=None).deadline(100.0) is None


def test_the_processor_is_always_there():
    assert Options(device="cpu").place() == torch.device("cpu")
    assert Options().place().type in ("cpu", "cuda")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "tpu"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(InputError, match=f"There is no device {name} here; `pellucid doctor`"):
        Options(device=name).place()


def test_precision_on_a_processor_is_full_when_a_model_is_applied():
    assert applying_precision(torch.device("cpu")) is None
    assert applying_precision(torch.device("cuda")) is torch.float16
    assert training_precision(torch.device("cpu")) in (None, torch.bfloat16)
