"""What may be said of a connection, whoever sets it up: pure rules."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from app.federation.connector import Policy, Rule
from app.federation.providers.definition import Definition
from app.federation.providers.errors import InvalidIdentityProvider
from app.users.email import EmailRefused, email_key

MAX_NAME_CHARACTERS = 60
MAX_SECRET_CHARACTERS = 16_384
MAX_CONFIG_CHARACTERS = 200_000
MAX_RULES = 200
MAX_GIVEN = 20
"""How many roles, and how many groups, one rule gives."""
MAX_DOMAINS = 100
MAX_CLAIM_CHARACTERS = 256
MAX_VALUE_CHARACTERS = 512
"""A group of a directory may be called by its distinguished name."""

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
# Words that stand in the place of an id in addresses of ours.
_RESERVED = frozenset({"exchange", "presets", "test"})
# What would be shown with the rest of `config` to everybody who may read it.
_SECRETS = frozenset({"client_secret", "secret", "password", "private_key", "private_key_pem"})


def checked(definition: Definition) -> Definition:
    """The definition with its domains in their one spelling. Raises InvalidIdentityProvider."""
    policy, faults = definition.policy, [*_faults(definition)]
    domains: list[str] = []
    for position, raw in enumerate(policy.domains):
        domain = domain_key(raw)
        if domain is None:
            faults.append((f"/policy/domains/{position}", "a mail domain such as corp.example"))
        elif domain not in domains:
            domains.append(domain)
    if faults:
        raise InvalidIdentityProvider("; ".join(f"{at[1:]}: {words}" for at, words in faults) + ".", faults=faults)
    return replace(definition, policy=replace(policy, domains=tuple(domains)))


def domain_key(raw: str) -> str | None:
    """The one spelling of a mail domain, by which addresses are compared; None for what is none."""
    try:
        return email_key(f"x@{raw}").partition("@")[2]
    except EmailRefused:
        return None


def is_provider_id(text: str) -> bool:
    """Whether a provider could have this id."""
    return _ID.fullmatch(text) is not None and text not in _RESERVED


def secret_fault(secret: str) -> str | None:
    """Why this is no secret that a provider could have given, in words."""
    if 0 < len(secret) <= MAX_SECRET_CHARACTERS and all(one.isprintable() or one in "\r\n" for one in secret):
        return None
    return f"1 to {MAX_SECRET_CHARACTERS} printable characters"


def _faults(definition: Definition) -> Iterator[tuple[str, str]]:
    if not is_provider_id(definition.id):
        taken = f", and not {', '.join(sorted(_RESERVED))}"
        yield "/id", f"1 to 40 of a-z, 0-9 and -, with a letter or digit at both ends{taken}"
    if not _is_line(definition.name, MAX_NAME_CHARACTERS):
        yield "/name", f"1 to {MAX_NAME_CHARACTERS} characters on one line, as people know the provider"
    if definition.preset is not None and not is_provider_id(definition.preset):
        yield "/preset", "the name of a preset, or nothing"
    for member in sorted(_SECRETS & definition.config.keys()):
        yield f"/config/{member}", "a secret stands in `secret`, where it is sealed; `config` is shown"
    if not _is_storable(json.dumps(definition.config, ensure_ascii=False)):
        yield "/config", f"at most {MAX_CONFIG_CHARACTERS} characters as JSON, all of them text"
    yield from _policy_faults(definition.policy)


def _policy_faults(policy: Policy) -> Iterator[tuple[str, str]]:
    if len(policy.domains) > MAX_DOMAINS:
        yield "/policy/domains", f"at most {MAX_DOMAINS}"
    if len(policy.rules) > MAX_RULES:
        yield "/policy/rules", f"at most {MAX_RULES}"
    for position, rule in enumerate(policy.rules):
        for member, words in _rule_faults(rule):
            yield f"/policy/rules/{position}/{member}", words


def _rule_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    if not _is_line(rule.claim, MAX_CLAIM_CHARACTERS):
        yield "claim", f"1 to {MAX_CLAIM_CHARACTERS} printable characters"
    if not _is_line(rule.value, MAX_VALUE_CHARACTERS):
        yield "value", f"1 to {MAX_VALUE_CHARACTERS} printable characters, compared exactly"
    if not rule.roles and not rule.groups:
        yield "roles", "a rule gives a role or a group"
    if len(rule.roles) > MAX_GIVEN:
        yield "roles", f"at most {MAX_GIVEN}"
    if len(rule.groups) > MAX_GIVEN:
        yield "groups", f"at most {MAX_GIVEN}"


def _is_storable(text: str) -> bool:
    # JSON knows NUL and halves of characters, a database of text does not.
    halved = any("\ud800" <= character <= "\udfff" for character in text)
    return len(text) <= MAX_CONFIG_CHARACTERS and "\\u0000" not in text and not halved


def _is_line(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text.isprintable() and text.strip() == text
