"""Lists the routes of an application with the rule of each: `python -m auth_service_sdk.routes package.module:app`."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from importlib import import_module
from typing import Any

from auth_service_sdk.route_table import Row, table

_HELP = """List every route of an application: method, path, and who may use it.

  require_role('admin')   the rules of the route, as they were written
  any token               none: whoever holds a token (or API key) of this audience may use it
  PUBLIC                  listed in public_paths: no token at all
  UNGUARDED               no JWTAuthMiddleware or APIKeyAuthMiddleware stands before it

example: python -m auth_service_sdk.routes orders.main:app --strict"""


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return 1 under `--strict` when a route has no rule of its own, 2 when there is nothing to read.

    Public routes and FastAPI's own pages need none; an unguarded route is always one without.
    """
    parser = ArgumentParser(
        "python -m auth_service_sdk.routes", description=_HELP, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("application", metavar="MODULE:NAME", help="where it is, or MODULE:NAME() for a factory")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a route has no rule of its own")
    options = parser.parse_args(arguments)
    try:
        app = load(options.application)
    except (ImportError, AttributeError, ValueError) as error:
        sys.stderr.write(f"cannot load {options.application}: {error}\n")
        return 2
    rows = table(app)
    sys.stdout.write(_render(rows))
    without = [row for row in rows if not row.is_ruled]
    if options.strict and without:
        sys.stderr.write(f"{len(without)} of {len(rows)} routes have no rule of their own\n")
        return 1
    return 0


def load(place: str) -> Any:
    """Import `package.module:name`, or call `package.module:name()`. Raises ImportError, AttributeError, ValueError."""
    module, colon, name = place.partition(":")
    if not colon or not module or not name:
        raise ValueError("name it as package.module:app")
    value: Any = import_module(module)
    for part in name.removesuffix("()").split("."):
        value = getattr(value, part)
    return value() if name.endswith("()") else value


def words(row: Row) -> str:
    """Say who may use a route."""
    if not row.guards:
        return "UNGUARDED: no JWTAuthMiddleware"
    rules = " + ".join(row.rules)
    if row.is_public:
        return f"PUBLIC, {rules}" if rules else "PUBLIC"
    here = rules or ("any token (a page of FastAPI's)" if row.is_own_page else "any token")
    return f"{here}; PUBLIC at {', '.join(row.public_at)}" if row.public_at else here


def _render(rows: list[Row]) -> str:
    lines = [(row.method, row.path, words(row)) for row in rows]
    method_width = max((len(method) for method, _, _ in lines), default=0)
    path_width = max((len(path) for _, path, _ in lines), default=0)
    return "".join(f"{method:{method_width}}  {path:{path_width}}  {rule}\n" for method, path, rule in lines)


if __name__ == "__main__":
    sys.exit(main())
