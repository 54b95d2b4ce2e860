"""`export-config`, as a command of its own."""

import typer

from app.cli.configuration import export_config

app = typer.Typer(add_completion=False)
app.command()(export_config)
