"""Guards the rooms: budgets, names, randomness, mirrored tests.

Ruff checks docstrings, style and banned calls (``banned-api`` in pyproject.toml); import-linter checks who imports
whom. Here stands what they cannot see. Each rule takes a syntax tree and yields (line, what is wrong).
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "pellucid"
FOLDERS = [ROOT / name for name in ("src", "tests", "docs", "examples", "benchmarks", ".ci")]
SOURCES = sorted(PACKAGE.rglob("*.py"))
PYTHON = sorted(file for folder in FOLDERS for file in folder.rglob("*.py"))
TEXTS = [file for folder in FOLDERS for file in folder.rglob("*")] + list(ROOT.glob("*"))
TEXTS = sorted(
    file
    for file in TEXTS
    if file.suffix in {"", ".py", ".md", ".toml", ".txt", ".bib", ".html", ".css", ".js"} and file.is_file()
)

TESTED_IN = {  # modules that share a test, and where it is
    "data/io/colour": "tests/data/io/test_png.py",
    "data/io/czi": "tests/data/io/test_real_files.py",
    "data/io/lif": "tests/data/io/test_real_files.py",
    "data/io/nd2": "tests/data/io/test_real_files.py",
    "operators/ewald": "tests/operators/test_diffraction.py",
    "report/findings": "tests/report/test_page.py",
    "report/images": "tests/report/test_page.py",
    "noise/base": "tests/noise/test_models.py",
    "noise/gaussian": "tests/noise/test_models.py",
    "noise/emccd": "tests/noise/test_models.py",
    "noise/gamma": "tests/noise/test_models.py",
    "noise/rician": "tests/noise/test_models.py",
    "noise/poisson": "tests/noise/test_models.py",
    "noise/poisson_gaussian": "tests/noise/test_models.py",
    "operators/optics": "tests/operators/test_psf.py",
    "methods/__main__": "tests/test_readme.py",
    "methods/reconstruct/adjoint": "tests/methods/reconstruct/test_cg.py",
    "methods/reconstruct/fbp": "tests/methods/reconstruct/test_cg.py",
    "methods/reconstruct/red": "tests/methods/reconstruct/test_pnp.py",
    "restorers/non_local_means": "tests/restorers/test_plug_and_play.py",
    "restorers/red": "tests/restorers/test_plug_and_play.py",
    "methods/reconstruct/rl": "tests/methods/reconstruct/test_mlem.py",
    "methods/reconstruct/sirt": "tests/methods/reconstruct/test_mlem.py",
}
WITHOUT_TEST = {"errors"}  # a name, nothing that runs
PENDING: set[str] = set()  # tests still to be written: empty at a release

Rule = Callable[[ast.Module], Iterator[tuple[int, str]]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def classes(tree: ast.AST) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def dotted(node: ast.AST) -> str:
    """Return ``torch.nn.init`` for the attribute that reads so."""
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def function_length(tree):
    """At most 40 lines; a docstring is free."""
    for node in functions(tree):
        first = node.body[0]
        prose = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) is not None else 0
        if (length := node.end_lineno - node.lineno + 1 - prose) > 40:
            yield node.lineno, f"{node.name} has {length} lines"


def constructor_width(tree):
    """At most 7 parameters; a dataclass may have more fields where they are keyword-only: a table of named facts."""
    for node in classes(tree):
        inits = [f for f in node.body if isinstance(f, Function) and f.name == "__init__"]
        counts = [len(f.args.posonlyargs + f.args.args + f.args.kwonlyargs) - 1 for f in inits]
        if any("dataclass" in (how := ast.unparse(d)) and "kw_only=True" not in how for d in node.decorator_list):
            counts.append(sum(isinstance(line, ast.AnnAssign) for line in node.body))
        if max(counts, default=0) > 7:
            yield node.lineno, f"{node.name} takes {max(counts)} parameters"


def abstract_methods(tree):
    """At most 5 a class."""
    for node in classes(tree):
        abstract = [
            f for f in node.body if isinstance(f, Function) for d in f.decorator_list if "abstract" in dotted(d)
        ]
        if len(abstract) > 5:
            yield node.lineno, f"{node.name} has {len(abstract)} abstract methods"


def class_names(tree):
    """A class is named for what it is, not for its place in a hierarchy."""
    for node in classes(tree):
        if re.match(r"_?(Base|Abstract)([A-Z_]|$)", node.name):
            yield node.lineno, f"{node.name} names a place in a hierarchy"


DRAWS = {
    "rand",
    "randn",
    "randint",
    "randperm",
    "normal",
    "bernoulli",
    "multinomial",
    "poisson",
    "rand_like",
    "randn_like",
}
FILLS = {"normal_", "uniform_", "bernoulli_", "random_", "exponential_", "cauchy_", "geometric_", "log_normal_"}
DRAWN_WEIGHTS = ("uniform_", "normal_", "trunc_normal_", "xavier_", "kaiming_", "orthogonal_", "sparse_")


def explicit_randomness(tree):
    """Whoever draws names the generator."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        owner, _, verb = dotted(call.func).rpartition(".")
        verb = verb or getattr(call.func, "attr", "")
        init = owner.endswith("init") and verb.startswith(DRAWN_WEIGHTS)
        draws = (owner == "torch" and verb in DRAWS) or verb in FILLS or init
        unnamed = not any(keyword.arg == "generator" for keyword in call.keywords)
        if (draws and unnamed) or (verb == "default_rng" and not call.args + call.keywords):
            yield call.lineno, f"{verb} draws from hidden state"


def unpickled_arrays(tree):
    """NumPy unpickles only where allow_pickle says so, and nobody says so."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for keyword in call.keywords:
            if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", True) is not False:
                yield call.lineno, "allow_pickle runs code that the file brings"
        if dotted(call.func) in {"np.load", "numpy.load"} and len(call.args) > 2:
            yield call.lineno, "allow_pickle is given by position"


def complex_buffers(tree):
    """``.to(float64)`` silently drops the imaginary part: store the PSF, or pairs of real numbers."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if getattr(call.func, "attr", "") in {"register_buffer", "Parameter"}:
            stored = " ".join(ast.unparse(argument) for argument in call.args)
            if re.search(r"complex|fft\.|polar\(|cfloat|cdouble|\dj\b", stored.replace("view_as_real", "")):
                yield call.lineno, f"a module keeps complex numbers: {stored}"


def assert_none(breaches) -> None:
    """Fail with one breach a line."""
    lines = [str(b.relative_to(ROOT)) if isinstance(b, Path) else b for b in breaches]
    assert not lines, "\n" + "\n".join(lines)


EVERYWHERE = [function_length, constructor_width, abstract_methods, class_names]
IN_SOURCE = [explicit_randomness, unpickled_arrays, complex_buffers]


@pytest.fixture(scope="module")
def trees():
    return {file: ast.parse(file.read_text("utf-8")) for file in PYTHON}


@pytest.mark.parametrize("rule", EVERYWHERE + IN_SOURCE)
def test_rule_holds(rule: Rule, trees):
    files = SOURCES if rule in IN_SOURCE else PYTHON
    assert_none(f"{file.relative_to(ROOT)}:{line} {what}" for file in files for line, what in rule(trees[file]))


EIGHT = "class C: a: int; b: int; c: int; d: int; e: int; f: int; g: int; h: int = 0"
FIVE = "".join(f"\n @abstractmethod\n def f{i}(self): ..." for i in range(5))


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (function_length, "def f():\n '''" + "\n" * 60 + "'''" + "\n x" * 39, "def f():" + "\n x" * 40),
        (constructor_width, f"@dataclass(kw_only=True)\n{EIGHT}", f"@dataclass\n{EIGHT}"),
        (
            constructor_width,
            "class C:\n def __init__(self, a, b, c, d, e, *, f, g): ...",
            "class C:\n def __init__(self, a, b, c, d, e, *, f, g, h): ...",
        ),
        (abstract_methods, f"class C:{FIVE}", f"class C:{FIVE}\n @abstractmethod\n def g(self): ..."),
        (class_names, "class Baseline: ...", "class BaseLine: ..."),
        (explicit_randomness, "torch.randn(3, generator=rng)", "torch.randn(3)"),
        (explicit_randomness, "nn.init.zeros_(w)", "nn.init.kaiming_normal_(w)"),
        (explicit_randomness, "torch.empty(3).normal_(generator=rng)", "torch.empty(3).normal_()"),
        (explicit_randomness, "np.random.default_rng(seed)", "np.random.default_rng()"),
        (unpickled_arrays, "np.load(f, allow_pickle=False)", "np.load(f, allow_pickle=True)"),
        (unpickled_arrays, "np.load(f, 'r')", "np.load(f, 'r', True)"),
        (complex_buffers, "self.register_buffer('psf', psf)", "self.register_buffer('otf', torch.fft.fftn(psf))"),
    ],
)
def test_rule_tells_good_from_bad(rule: Rule, good, bad):
    assert list(rule(ast.parse(good))) == []
    assert list(rule(ast.parse(bad))) != []


def test_files_have_at_most_300_lines():
    code = [file for file in TEXTS if file.suffix in {".py", ".html", ".css", ".js"}]
    lengths = {file: len(file.read_text("utf-8").splitlines()) for file in code}
    assert_none(f"{file.relative_to(ROOT)}: {n}" for file, n in lengths.items() if n > 300)


def test_files_are_named_for_what_they_hold():
    drawers = {"util", "utils", "helper", "helpers", "common", "misc"}
    assert_none(f for f in PYTHON if drawers & {*f.stem.split("_"), *f.relative_to(ROOT).parts})


def test_no_silenced_ban():
    silenced = re.compile(r"noqa(?!:)|noqa:.*(S102|S307|TID251|NPY002)")
    assert_none(file for file in SOURCES if silenced.search(file.read_text("utf-8")))


def test_texts_name_no_machine_and_leave_no_work():
    machine = re.compile(r"(?<![\w.])/(work|root|home|Users)/\w")
    unfinished = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X])\b")
    texts = {file: file.read_text("utf-8") for file in TEXTS}
    assert_none(file for file, text in texts.items() if machine.search(text) or unfinished.search(text))


def public_names(tree: ast.Module) -> set[str]:
    defined = {node.name for node in tree.body if isinstance(node, Function | ast.ClassDef)}
    return {name for name in defined if not name.startswith("_")}


def mirror(source: Path) -> str:
    """Return where the test of a module lies."""
    module = source.relative_to(PACKAGE).with_suffix("")
    module = module.parent / module.parent.name if module.name == "__init__" else module
    place = Path("tests", module.parent, f"test_{module.name}.py").as_posix()
    return TESTED_IN.get(module.as_posix(), place)


def test_every_public_module_has_its_test(trees):
    public = [file for file in SOURCES if file.stem not in WITHOUT_TEST and public_names(trees[file])]
    missing = {mirror(file) for file in public if not (ROOT / mirror(file)).is_file()}
    assert_none(f"{test} is missing" for test in sorted(missing - PENDING))
    assert_none(f"{test} is no longer pending" for test in sorted(PENDING - missing))


def test_every_folder_of_tests_mirrors_a_room():
    folders = {file.parent for file in (ROOT / "tests").rglob("*.py")}
    assert_none(folder for folder in folders if not (PACKAGE / folder.relative_to(ROOT / "tests")).is_dir())
    assert_none(f"{module} is gone" for module in TESTED_IN if not (PACKAGE / f"{module}.py").is_file())


def test_a_method_is_a_file_with_one_function_of_its_name(trees):
    from pellucid import methods

    assert methods.names()
    for name in methods.names():
        body = trees[PACKAGE / "methods" / f"{name}.py"].body
        functions = [node.name for node in body if isinstance(node, Function) and not node.name.startswith("_")]
        assert functions == [name]
