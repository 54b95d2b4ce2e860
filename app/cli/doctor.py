"""`doctor`: what is wrong with a deployment, and what mends it."""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import typer

from app.cli.data_folder import DataFolder
from app.cli.diagnosis.cache import examine_cache
from app.cli.diagnosis.database import examine_database
from app.cli.diagnosis.environment import examine_files, examine_settings
from app.cli.diagnosis.finding import Finding, Result, fault, skipped
from app.cli.diagnosis.hashing import examine_hashing
from app.cli.diagnosis.issuer import examine_issuer
from app.cli.diagnosis.keys import examine_demo, examine_keys
from app.cli.diagnosis.mail import examine_mail
from app.cli.diagnosis.providers import examine_providers
from app.cli.diagnosis.publishing import examine_publishing
from app.cli.environment import environment_for, prepare_instance
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_json, print_verdict
from app.cli.servers import OwnServers, own_servers
from app.foundation.engines.errors import EngineError
from app.foundation.engines.instance import attach_or_start
from app.settings import Settings
from app.signing_keys.examine import ExaminedKey

app = typer.Typer(add_completion=False)


@app.command()
def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look at settings, engines, keys, hashing, mail, issuer URL and identity providers, and name each fault's cure.

    Nothing is changed, save that a development instance is brought to this release, as by every command. The exit
    status is 1 if there is any fault; warnings leave it at 0.

    Example: auth-service doctor
    """
    findings = asyncio.run(_examine(data_dir))
    faults = sum(finding.result is Result.FAULT for finding in findings)
    if as_json:
        print_json({"ok": not faults, "checks": [finding.as_json() for finding in findings]})
    else:
        _print_table(findings, faults)
    raise typer.Exit(1 if faults else 0)


async def _examine(data_dir: Path | None) -> list[Finding]:
    with contextlib.ExitStack() as stack:
        try:
            own = own_servers()
            kept = await _enter(stack, data_dir, own)
        except EngineError as error:
            return [fault("instance", str(error), "Mend what it says, or name another folder with --data-dir.")]
        except (OSError, UnicodeDecodeError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            found = f"The development instance cannot be entered ({type(error).__name__})."
            return [fault("instance", found, "Correct DATABASE__URL and .env, or leave DATABASE__URL out.")]
        settings, findings = examine_settings()
        findings += examine_files(kept)
        return findings + await _examine_engines(settings, own)


async def _enter(stack: contextlib.ExitStack, data_dir: Path | None, own: OwnServers) -> Path | None:
    """Take the environment of the development instance, if that is what there is to look at, and name its secrets."""
    folder = DataFolder(data_dir)
    if (data_dir is None and own.database_url is not None) or (data_dir is None and not folder.exists):
        return None
    if not folder.exists:
        raise EngineError(f"{folder.path} holds no development instance; `auth-service dev --data-dir …` makes one.")
    engines = stack.enter_context(attach_or_start(folder.path, database_url=own.database_url, redis_url=own.redis_url))
    os.environ.update(environment_for(engines, await prepare_instance(folder, engines)))
    return folder.secrets


async def _examine_engines(settings: Settings | None, own: OwnServers) -> list[Finding]:
    """Database and cache are looked at even where other settings are wrong."""
    url = settings.database.url.get_secret_value() if settings else own.database_url
    cache_url = (settings.redis.url.get_secret_value() if settings.redis.url else None) if settings else own.redis_url
    findings: list[Finding] = []
    if url is not None:
        findings += await examine_database(url, settings.database.pool_size if settings else None)
    is_well = bool(findings) and not any(finding.result is Result.FAULT for finding in findings)
    findings.append(await examine_cache(cache_url))
    if settings is None:
        rest = ("signing keys", "hashing", "mail", "issuer")
        return [*findings, *(skipped(check, "Mend the settings first.") for check in rest)]
    keys: list[ExaminedKey] = []
    if is_well:
        keys, found = await examine_keys(settings)
        findings += found
        findings += await examine_demo(settings) if keys else []
        findings += [await examine_publishing(settings)] if keys else []
    else:
        findings.append(skipped("signing keys", "Mend the database first."))
    findings.append(await examine_hashing(settings.passwords.threads, settings.passwords.hash_queue))
    findings.append(await examine_mail(settings))
    findings += await examine_issuer(settings, keys)
    return [*findings, *(await examine_providers(settings) if is_well else ())]


def _print_table(findings: Sequence[Finding], faults: int) -> None:
    rows = []
    for finding in findings:
        first, *more = finding.found.splitlines()
        rows.append((finding.check, finding.result.value, first))
        rows += [("", "", line) for line in more]
        if finding.cure is not None:
            rows.append(("", "", f"cure: {finding.cure}"))
    print_columns(("CHECK", "RESULT", "FOUND"), rows)
    print()
    print_verdict(f"{faults} {'fault' if faults == 1 else 'faults'}." if faults else "No fault.", good=not faults)
