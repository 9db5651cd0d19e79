from dataclasses import replace

import pytest

from pellucid.errors import InputError
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.resuming import begin


def test_a_run_goes_on_only_with_its_own_request(tmp_path):
    job = Job(options=Options(), deadline=None, folder=tmp_path / "run.checkpoint")
    begin(job, {"method": "cryogan", "seed": 0})
    stale = job.folder / "half_1.safetensors"
    stale.write_bytes(b"old")
    begin(replace(job, resume=True), {"method": "cryogan", "seed": 0, "steps": 20})
    assert stale.exists()
    with pytest.raises(InputError, match=r"other files or with other settings \(seed\)"):
        begin(replace(job, resume=True), {"method": "cryogan", "seed": 1})
    begin(job, {"method": "cryogan", "seed": 1})
    assert not stale.exists()
