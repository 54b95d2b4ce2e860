"""A migration with a part outside its transaction commits what comes before, and may be cut off right after that."""

import ast
from collections.abc import Iterator

from tests.architecture import house

_VERSIONS = house.PROJECT / "app" / "migrations" / "versions"
_MAKING = {"add_column", "create_table", "create_index"}


def test_what_such_a_migration_makes_first_it_makes_only_where_it_is_not_there():
    odd = [found for path in sorted(_VERSIONS.glob("[0-9]*.py")) for found in unrepeatable(path.name, path.read_text())]
    assert odd == []


def test_a_table_that_would_be_made_twice_is_found():
    source = """
def upgrade():
    op.add_column("a", column, if_not_exists=True)
    op.create_table("b")
    with op.get_context().autocommit_block():
        op.create_index("c", "b", postgresql_concurrently=True)
"""
    assert list(unrepeatable("0001.py", source)) == ["0001.py:4"]
    assert list(unrepeatable("0001.py", source.replace("with op.get_context().autocommit_block()", "if True"))) == []


def unrepeatable(name: str, source: str) -> Iterator[str]:
    for function in ast.parse(source).body:
        if not (isinstance(function, ast.FunctionDef) and function.name == "upgrade"):
            continue
        apart = [node for node in function.body if isinstance(node, ast.With) and "autocommit_block" in ast.dump(node)]
        within = {id(part) for block in apart for part in ast.walk(block)}
        for call in ast.walk(function):
            if apart and id(call) not in within and isinstance(call, ast.Call) and _makes(call):
                yield f"{name}:{call.lineno}"


def _makes(call: ast.Call) -> bool:
    named = isinstance(call.func, ast.Attribute) and call.func.attr in _MAKING
    return named and not any(keyword.arg == "if_not_exists" for keyword in call.keywords)
