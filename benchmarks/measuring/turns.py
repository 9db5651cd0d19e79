"""Contenders take turns, so that what else runs on the machine meets them all."""

import time


def fastest(calls, rounds):
    """Return the least seconds of each call of a dict, after one call each that is not counted.

    Every other round goes backwards: what one call leaves in memory speeds or slows the next.
    """
    for call in calls.values():
        call()
    seconds = dict.fromkeys(calls, float("inf"))
    for turn in range(rounds):
        for name, call in list(calls.items())[:: (-1) ** turn]:
            start = time.perf_counter()
            call()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds
