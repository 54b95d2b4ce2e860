"""The program."""

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from app.cli.summaries import SUMMARIES
from app.cli.terminal import complain
from app.foundation.engines.errors import EngineError
from app.foundation.errors import ServiceError, StartupRefused
from app.foundation.garbage import uncollected

COMMANDS = {
    "dev": "app.cli.dev",
    "serve": "app.cli.serve",
    "worker": "app.cli.worker",
    "migrate": "app.cli.migrate",
    "prepare": "app.cli.prepare",
    "create-admin": "app.cli.admin",
    "users": "app.cli.user_transfer",
    "audiences": "app.cli.audiences",
    "roles": "app.cli.roles",
    "groups": "app.cli.groups",
    "permissions": "app.cli.permissions",
    "create-client": "app.cli.create_client",
    "clients": "app.cli.clients",
    "webhooks": "app.cli.webhooks",
    "providers": "app.cli.providers",
    "api-keys": "app.cli.api_keys",
    "keys": "app.cli.keys",
    "rotate-signing-key": "app.cli.rotate_signing_key",
    "saml-keys": "app.cli.saml_keys",
    "audit": "app.cli.audit",
    "export-config": "app.cli.export_config",
    "apply-config": "app.cli.apply_config",
    "purge": "app.cli.purge",
    "restored": "app.cli.restored",
    "verify-audit-log": "app.cli.verify_audit_log",
    "import": "app.cli.imports",
    "settings": "app.cli.settings",
    "token": "app.cli.token",
    "doctor": "app.cli.doctor",
}
_HIDDEN = frozenset({"prepare"})


class Program(TyperGroup):
    """Imports a command's module when that command is asked for.

    The modules behind most commands take a second to import; `dev` needs none of them, because the service runs
    in a process of its own, and has two seconds to be ready. This is the only place that imports by name.
    `Any` stands for types of a package that typer keeps to itself.
    """

    _lists = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """List the commands by their summaries."""
        self._lists = True
        super().format_help(ctx, formatter)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 — the base class names it
        """Every command, in the order in which they are listed here."""
        return [name for name in COMMANDS if not self._lists or name not in _HIDDEN]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 — the base class names it
        """The command of this name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        if self._lists and cmd_name in SUMMARIES:
            return TyperCommand(cmd_name, help=SUMMARIES[cmd_name])
        with uncollected():
            module = importlib.import_module(COMMANDS[cmd_name])
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


program = typer.Typer(cls=Program, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@program.callback()
def _about() -> None:
    """Run and operate the authentication service.

    Example: auth-service dev
    """


def main() -> None:
    """Run one command. A refusal is one plain message on stderr and exit status 1."""
    try:
        program(prog_name="auth-service")
    except (EngineError, StartupRefused) as error:
        _fail(str(error))
    except ServiceError as error:
        _fail(error.description or error.title)


def _fail(message: str) -> None:
    complain("error", message)
    sys.exit(1)
