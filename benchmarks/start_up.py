"""Start-up: how long `import pellucid` and `pellucid --help` take.

Wall-clock seconds of a fresh process, the best of several; Python itself, doing nothing, for comparison.

    python benchmarks/start_up.py [--repeats 5]
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from measuring import record
from table import show

COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import pellucid": [sys.executable, "-c", "import pellucid"],
    "pellucid --help": [str(Path(sys.executable).with_name("pellucid")), "--help"],
}


def seconds(command):
    """Return how long a process takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(__doc__)
    best = {name: min(seconds(command) for _ in range(repeats)) for name, command in COMMANDS.items()}
    rows = [{"command": name, "repeats": repeats, "seconds": value} for name, value in best.items()]
    record.write("start_up", rows)
    show("start_up")


if __name__ == "__main__":
    main()
