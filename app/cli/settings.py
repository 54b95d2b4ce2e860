"""`settings`: print the sample of every setting, made from the settings classes."""

import textwrap
from collections.abc import Iterator

import typer

from app.foundation.environment import Variable, variables
from app.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True)

_HEAD = """\
Every setting of the service. Copy this file to `.env` and take the # away from what you set; `make run` needs none
of it. The environment goes before this file. Any setting may stand in a file instead, named by the same variable
with the suffix _FILE. Made by `auth-service settings sample`; keep no secret in the copy that you commit."""
_WIDTH = 118

# What a copy must set, because the default does not fit, and why.
_SET = {
    "ACCOUNTS__HIDE_EXISTENCE": (
        "false",
        (
            "Set here because this release sends no mail yet: with hiding, which is the default in production, nobody "
            "could verify an address and log in, so that the service refuses to start."
        ),
    )
}


@app.callback()
def _settings() -> None:
    """The settings of the service."""


@app.command()
def sample() -> None:
    """Print `.env-sample`: every setting with what it does and an example.

    Example: auth-service settings sample > .env-sample
    """
    typer.echo(env_sample(), nl=False)


def env_sample() -> str:
    """The text of `.env-sample`. It holds no secret, and a copy of it changes nothing but what it must."""
    blocks = ["\n".join(_comment(_HEAD.replace("\n", " "))), *("\n".join(_block(item)) for item in variables(Settings))]
    return "\n\n".join(blocks) + "\n"


def _block(variable: Variable) -> Iterator[str]:
    words = variable.field.description or ""
    if variable.field.is_required():
        words = f"Required. {words}"
    yield from _comment(words)
    if variable.name in _SET:
        value, reason = _SET[variable.name]
        yield from _comment(reason)
        yield f"{variable.name}={value}"
    else:
        if not variable.example.startswith(f"{variable.name}="):
            yield f"# {variable.name}="
        yield f"# {variable.example}"


def _comment(words: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(words, _WIDTH, break_on_hyphens=False, break_long_words=False)]
