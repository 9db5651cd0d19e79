import re
from pathlib import Path

import pytest

from pellucid.methods.__main__ import table

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("mark", "task"), [("", "denoise"), (" for reconstruct", "reconstruct"), (" for generate", "generate")]
)
def test_the_table_of_methods_is_the_generated_one(mark, task):
    rest = README.split(f"<!-- made by `python -m pellucid.methods`{mark} -->\n")[1]
    assert rest.split("\n<!-- end -->")[0] == table(task)


def test_the_code_runs_in_twelve_lines():
    code = README.split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    compile(code, "README.md", "exec")


def test_the_pictures_are_there():
    shown = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert len(shown) == 2
    assert all((Path(__file__).parents[1] / place).is_file() for place in shown)
