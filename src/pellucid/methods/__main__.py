"""Print the table of methods that the README shows: ``python -m pellucid.methods``."""

from __future__ import annotations

from pellucid.methods.registry import card, names


def table() -> str:
    """Return the methods as a Markdown table, made from their cards."""
    rows = ["| `--method` | method | needs | assumes | gives | paper |", "| --- | --- | --- | --- | --- | --- |"]
    needs = {"image": "one noisy image", "repeats": "two recordings"}
    for name in names():
        c = card(name)
        rows.append(f"| `{name}` | {c.title} | {needs[c.needs]} | {c.assumes} | {c.gives} | {c.paper} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())  # noqa: T201
