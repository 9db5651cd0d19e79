"""Published methods: one file, one function, one choice of H, F and D under its literature name.

A file in this folder is a method; nothing else lists it. It holds a function of its own name, which takes an
example of the data and settings and returns a `Method`, and `CARD`, which says what the method needs and gives.
"""

from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.registry import TASKS, Task, build, card, checked, function, names, settings

__all__ = ["TASKS", "Card", "Method", "Stage", "Task", "build", "card", "checked", "function", "names", "settings"]
