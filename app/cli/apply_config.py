"""`apply-config`, as a command of its own."""

import typer

from app.cli.configuration import apply_config

app = typer.Typer(add_completion=False)
app.command()(apply_config)
