"""The plan of the package: which file imports which, and which folders lie above which."""

import ast
import functools
import pathlib
import subprocess
import sys

import pytest

import tfgan

PACKAGE = pathlib.Path(tfgan.__file__).parent
COMMANDS = ("train", "data", "sample", "project", "evaluate", "export", "launch", "toy")
COMMANDS += ("doctor.__main__", "theory.__main__", "evaluation.train_classifier")
# From the top down: a file imports from its own layer and from those below.
LAYERS = (
    ("", *COMMANDS),  # "" is tfgan itself
    ("training",),
    ("report",),
    ("doctor", "evaluation", "exports", "theory", "web"),
    ("run",),
    (
        "conditional",
        "gan",
        "loop",
        "losses",
        "penalties",
        "augmentation",
        "ema",
        "optimizers",
        "contract",
    ),
    ("datasets", "cluster", "networks"),
    ("noise", "ground"),
)
DEEPEST = 14  # files in a row, each importing the next
MOST_AT_THE_TOP = 32  # entries of the package's folder


@functools.cache
def modules() -> dict[str, pathlib.Path]:
    """Every file of the package by its name below `tfgan`; a folder's own file has the folder's."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def nodes(module: str, at_once: bool) -> list[ast.AST]:
    """The parts of a file: all, or only those that run when it is imported."""
    tree = ast.parse(modules()[module].read_text())
    return list(tree.body) if at_once else list(ast.walk(tree))


@functools.cache
def imports(module: str, at_once: bool = False) -> frozenset[str]:
    """What a file imports of the package, also inside functions and for types alone."""
    found = set()
    for node in nodes(module, at_once):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name == "tfgan" or name.startswith("tfgan."):
                name = name.removeprefix("tfgan").removeprefix(".")
                found.add(name if name in modules() else name.rpartition(".")[0])
    return frozenset(found - {module})


def chains() -> dict[str, tuple[str, ...]]:
    """The longest chain of imports from each file down.

    Raises:
        AssertionError: if there is a circle.
    """
    found: dict[str, tuple[str, ...]] = {}

    def below(module: str, above: tuple[str, ...]) -> tuple[str, ...]:
        assert module not in above, f"a circle: {' -> '.join((*above, module))}"
        if module not in found:
            longest = max(
                (below(other, (*above, module)) for other in sorted(imports(module))),
                key=len,
                default=(),
            )
            found[module] = (module, *longest)
        return found[module]

    for module in modules():
        below(module, ())
    return found


def layer(module: str) -> int:
    """Which of `LAYERS` a file belongs to: by its own name, or by its folder's."""
    for name in (module, module.split(".")[0]):
        for index, names in enumerate(LAYERS):
            if name in names:
                return index
    raise AssertionError(f"tfgan/{module.replace('.', '/')}.py is on no layer")


def test_no_circle_and_no_long_chain():
    longest = max(chains().values(), key=len)
    assert len(longest) <= DEEPEST, " -> ".join(longest)


def test_every_arrow_goes_down():
    upward = [
        f"{module} -> {other}"
        for module in modules()
        for other in imports(module)
        if layer(other) < layer(module)
    ]
    assert not upward


def test_folders_of_a_layer_form_no_cycle():
    folders = {}
    for module in modules():
        folder = module.split(".")[0]
        if module not in COMMANDS:
            others = {other.split(".")[0] for other in imports(module)}
            folders.setdefault(folder, set()).update(others - {folder})

    def walk(folder, above):
        assert folder not in above, f"a circle of folders: {' -> '.join((*above, folder))}"
        for other in folders.get(folder, ()):
            walk(other, (*above, folder))

    for folder in folders:
        walk(folder, ())


def test_the_top_level_has_not_grown():
    entries = [each.name for each in PACKAGE.iterdir() if each.name != "__pycache__"]
    assert len(entries) <= MOST_AT_THE_TOP, sorted(entries)


@pytest.mark.parametrize("name", tfgan.__all__)
def test_no_public_name_is_also_a_module(name):
    # `import tfgan.train` would make `tfgan.train` the module, whatever it was before.
    assert name not in modules()
    assert getattr(tfgan, name) is not None


def libraries(start: list[str], at_once: bool = False) -> set[str]:
    """What files and those that they import need of other packages; see `imports`."""
    everything: set[str] = set()
    outside: set[str] = set()
    while start:
        module = start.pop()
        if module in everything:
            continue
        everything.add(module)
        start += imports(module, at_once)
        for node in nodes(module, at_once):
            if isinstance(node, ast.Import):
                outside |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                outside.add(node.module.split(".")[0])
    return outside


def test_importing_the_algorithm_loads_no_data_sets_and_no_flags():
    found = libraries(["gan", "optimizers"])
    assert "tensorflow" in found
    assert not found & {"absl", "requests", "tensorflow_datasets"}


@pytest.mark.parametrize("work", ["training", "exports.sampling", "exports.exporting"])
def test_commands_start_without_what_only_some_use(work):
    """They take a second, for which every run would wait; `cli` hides them from Keras, too."""
    found = libraries([work], at_once=True)
    assert "tensorflow" in found
    assert not found & {"scipy", "sklearn", "matplotlib"}


def test_a_report_is_written_without_tensorflow():
    script = "import sys, tfgan.report; print(*{'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()
