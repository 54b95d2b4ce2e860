"""`rotate-signing-key`, as a command of its own."""

import typer

from app.cli.keys import rotate_signing_key

app = typer.Typer(add_completion=False)
app.command()(rotate_signing_key)
