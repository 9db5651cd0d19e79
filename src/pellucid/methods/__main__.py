"""Print the table of methods that the README shows: ``python -m pellucid.methods``."""

from __future__ import annotations

from pellucid.methods.registry import TASKS, Task, card, names


def table(task: Task = "denoise") -> str:
    """Return the methods for a task as a Markdown table, made from their cards."""
    rows = ["| `--method` | method | needs | assumes | gives | paper |", "| --- | --- | --- | --- | --- | --- |"]
    needs = {"image": "one noisy image", "repeats": "two recordings", "series": "a series", "truth": "a clean image"}
    needs |= {"measurements": "a scan", "particles": "particles", "clean": "clean images"}
    needs |= {"unpaired": "two sets, not paired", "pairs": "two sets, in pairs"}
    for name in names(task):
        c = card(name, task)
        cells = (c.title, needs[c.needs], c.assumes, c.gives, c.paper)
        rows.append(f"| `{name}` | {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print("\n\n".join(table(task) for task in TASKS))  # noqa: T201
