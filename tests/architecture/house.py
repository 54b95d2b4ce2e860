"""The rules of the house that no linter knows, each as a function from a tree or a graph to its violations."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import grimp

PROJECT = Path(__file__).parents[2]

MAX_LINES = 300
DRAWERS = frozenset({"base", "common", "core", "helper", "helpers", "misc", "util", "utils"})

# What a feature keeps for itself, and which modules may nevertheless pick it up.
PRIVATE: dict[str, frozenset[str]] = {
    "store": frozenset(),
    "schemas": frozenset(),
    "routes": frozenset({"app.main"}),
    # Those of a part of it too stand in its feature's list of addresses.
    "pages": frozenset({"app.brokering.routers", "app.main"}),
    "jobs": frozenset({"app.worker"}),
}
MAY_CATCH_EVERYTHING = ("app/main.py", "app/foundation/last_resort.py", "app/worker.py")


def python_files(root: Path, *folders: str) -> list[Path]:
    """Every Python file below the folders of a tree, those that exist."""
    return sorted(path for folder in folders for path in (root / folder).rglob("*.py"))


def tracked_files(root: Path) -> Iterator[Path]:
    """Every file of the project as its `.gitignore` leaves it; needs no git, so that it works in an archive too."""
    lines = (root / ".gitignore").read_text().splitlines()
    ignored = [".git", *(line.strip("/") for line in lines if line and not line.startswith("#"))]
    for path in sorted(root.iterdir()):
        if not any(fnmatch(path.name, pattern) for pattern in ignored):
            yield from _files(path, ignored)


def _files(path: Path, ignored: list[str]) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir() and not path.is_symlink():
        for child in sorted(path.iterdir()):
            if not any(fnmatch(child.name, pattern) for pattern in ignored):
                yield from _files(child, ignored)


def long_files(root: Path) -> list[str]:
    """Files with more lines than a reader keeps in mind; migrations are written once and only added to."""
    counts = {
        path: len(path.read_text().splitlines())
        for path in python_files(root, "app", "sdk/src", "examples")
        if "migrations/versions" not in path.as_posix()
    }
    return [f"{path.relative_to(root)}: {count} lines" for path, count in counts.items() if count > MAX_LINES]


def drawers(root: Path) -> list[str]:
    """Modules and folders whose name promises nothing."""
    files = (path.relative_to(root) for path in python_files(root, "app", "sdk", "examples", "bench", "tests", "tools"))
    return [str(path) for path in files if DRAWERS & {*path.parts[:-1], path.stem}]


def broad_excepts(root: Path) -> list[str]:
    """Handlers that catch everything, outside the files that answer for a whole process.

    `except BaseException` passes where it ends in a bare `raise`: it cleans up and answers nothing.
    """
    found = []
    for path in python_files(root, "app", "sdk/src", "examples"):
        name = path.relative_to(root).as_posix()
        if name in MAY_CATCH_EVERYTHING:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and _catches_everything(node):
                found.append(f"{name}:{node.lineno}")
    return found


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {ast.unparse(kind) if kind is not None else "BaseException" for kind in kinds}
    last = handler.body[-1]
    raises_again = isinstance(last, ast.Raise) and last.exc is None
    return "Exception" in names or ("BaseException" in names and not raises_again)


def private_imports(graph: grimp.ImportGraph) -> list[str]:
    """Imports of another feature's store, routes, pages, schemas or jobs."""
    found = []
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            owner, part = _owner(imported)
            if part and not importer.startswith(f"{owner}.") and importer not in PRIVATE[part]:
                found.append(f"{importer} -> {imported}")
    return found


def _owner(module: str) -> tuple[str, str]:
    """The feature that keeps a module for itself and the reserved name that says so; empty when it is public."""
    parts = module.split(".")
    if parts[:2] != ["app", "foundation"]:
        for index, part in enumerate(parts[2:], start=2):
            if part in PRIVATE:
                return ".".join(parts[:index]), part
    return "", ""


def service_imports(root: Path) -> list[str]:
    """Imports of the service by the examples, which stand for other people's services."""
    found = []
    for path in python_files(root, "examples"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            found += [f"{path.relative_to(root)}: {name}" for name in names if name.split(".")[0] == "app"]
    return found


def marked_rows(root: Path) -> set[str]:
    """The rows of the catalogues of attacks and faults that some test carries as its mark."""
    rows = set()
    for path in python_files(root, "tests", "sdk/tests"):
        for node in ast.walk(ast.parse(path.read_text())):
            is_mark = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_mark and node.func.attr in {"attack", "fault"} and ast.unparse(node.func.value).endswith("mark"):
                rows |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
    return rows
