"""The house rules that no linter knows: who may import whom, and what stands nowhere."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from classifiers.registry import CLASSIFIERS
from data.cards import card_names
from features.backbones import BACKBONES
from reports.sections import SECTIONS

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("data", "features", "classifiers", "reports", "pipeline")  # each imports only leftwards
LONGEST = 300
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES + TESTS}
TEXTS = {
    ".py",
    ".toml",
    ".cfg",
    ".md",
    ".j2",
    ".css",
    ".js",
    ".json",
    ".yml",
    ".yaml",
    ".txt",
    ".sh",
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all imports, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """What runs when the module is imported; bodies of functions do not."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            waiting += ast.iter_child_nodes(node)


def known(path: Path) -> pytest.ParameterSet:
    return pytest.param(path, id=str(path.relative_to(ROOT)))


every_module = pytest.mark.parametrize("path", [known(path) for path in MODULES])
every_source = pytest.mark.parametrize("path", [known(path) for path in SOURCES])


@every_module
def test_a_room_imports_only_the_rooms_before_it(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    allowed = ROOMS[: ROOMS.index(room) + 1]
    for name in imported(SOURCES[path]):
        first = name.split(".")[0]
        assert first != "tests"
        assert first not in ROOMS or first in allowed, f"{path.name} imports {name}"


def test_no_two_files_import_each_other() -> None:
    names = {name_of(path): path for path in MODULES}
    needs = {
        name: {each for each in imported(SOURCES[path]) if each in names and each != name}
        for name, path in names.items()
    }
    done: set[str] = set()
    while free := {name for name, need in needs.items() if name not in done and need <= done}:
        done |= free
    assert set(needs) == done, f"in or behind a circle: {sorted(set(needs) - done)}"


def test_every_file_is_short() -> None:
    folders = [ROOT / name for name in (*ROOMS, "tests")]
    files = [path for folder in folders for path in folder.rglob("*")
             if path.name.endswith((".py", ".html.j2", ".css", ".js"))]  # fmt: skip
    assert len(files) > 50
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert not {str(path): length for path, length in lengths.items() if length > LONGEST}


@every_module
def test_deep_learning_is_imported_late(path: Path) -> None:
    late = re.compile(r"(tensorflow|keras|torch|jax)(\.|$)")
    for node in at_import(SOURCES[path]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert not any(late.match(name) for name in imported(node)), ast.unparse(node)


@every_module
def test_a_module_says_what_it_is(path: Path) -> None:
    text = ast.get_docstring(SOURCES[path])
    assert text
    assert text.splitlines()[0].endswith((".", "?"))


@every_module
def test_what_never_stands_in_a_room(path: Path) -> None:
    tree = SOURCES[path]
    modules = {name.split(".")[0] for name in imported(tree)}
    assert not modules & {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
    assert "joblib" not in modules or "load" not in path.read_text(encoding="utf-8")
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except, line {node.lineno}"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "breakpoint"), f"{called}, line {node.lineno}"
            assert not called.endswith(".parse_known_args"), f"line {node.lineno}"
            assert called != "print", f"print, line {node.lineno}; use pipeline.console"
        if isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names)


@every_source
def test_nobody_sleeps_or_swallows_everything_in_silence(path: Path) -> None:
    for node in ast.walk(SOURCES[path]):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("time.sleep", "sleep"), f"line {node.lineno}"
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            silent = all(isinstance(each, ast.Pass) for each in node.body)
            wide = ast.unparse(node.type) in ("Exception", "BaseException")
            assert not (silent and wide), f"line {node.lineno}"


def test_every_registry_entry_is_found_by_its_name() -> None:
    for table in (CLASSIFIERS, BACKBONES):
        assert all(entry.name == name for name, entry in table.items())
    # One classifier, one file of its own; one section, one template of its own.
    for name in CLASSIFIERS:
        assert (ROOT / f"classifiers/{name}.py").is_file()
    for section in SECTIONS:
        assert (ROOT / f"reports/templates/{section.id}.html.j2").is_file()
    templates = {path.name for path in (ROOT / "reports/templates").glob("*.html.j2")}
    assert {f"{section.id}.html.j2" for section in SECTIONS} <= templates


def test_names_of_entries_stand_in_no_list_of_their_own() -> None:
    # Whoever needs the names asks the registry; a second list would be forgotten.
    entries = {
        "classifiers": set(CLASSIFIERS),
        "backbones": set(BACKBONES),
        "cards": set(card_names()),
    }
    for path in MODULES:
        for node in ast.walk(SOURCES[path]):
            if isinstance(node, ast.List | ast.Tuple | ast.Set) and len(node.elts) > 1:
                values = {each.value for each in node.elts if isinstance(each, ast.Constant)}
                for what, names in entries.items():
                    allowed = path.name == "config.py" and what == "classifiers"  # the default
                    assert allowed or not values >= names, f"{path}, line {node.lineno}: {what}"


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_no_text_speaks_of_the_machine_it_was_written_on() -> None:
    folders = re.compile(r"(?<![\w.~])/(work|root|home|Users|mnt)/\w")
    found = []
    for path in tracked():
        plain = path.suffix in TEXTS or path.name in ("Makefile", "LICENSE", "run", ".gitignore")
        if plain and path.is_file() and path != Path(__file__).resolve():
            text = path.read_text(encoding="utf-8")
            found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in folders.finditer(text)]
    assert not found


def test_nothing_generated_is_tracked() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    assert not [name for name in names if name.startswith(("runs/", ".venv/", "build/"))]
    shipped = {f"features/{row.shipped}" for row in BACKBONES.values() if row.shipped}
    generated = {name for name in names if name.endswith((".h5", ".pyc", ".skops", ".log"))}
    assert generated == shipped
