import base64
import gc
import logging

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.foundation.errors import StartupRefused
from app.foundation.exposition import own_metrics
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys.keyset import PublishedKey
from app.signing_keys.material import KeyMaterial, generate
from app.signing_keys.settings import KeySettings
from app.signing_keys.store import StoredKey
from tests.signing_keys.support import ISSUER, rotate

pytestmark = pytest.mark.anyio


def spellings(material: KeyMaterial) -> list[bytes]:
    """What of the private half could be found in a text, in the spellings it could have there."""
    key = material.private_key
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if material.algorithm is Algorithm.EDDSA:
        secrets = [key.private_bytes_raw()]
    elif material.algorithm is Algorithm.ES256:
        secrets = [key.private_numbers().private_value.to_bytes(32)]
    else:
        numbers = key.private_numbers()
        secrets = [value.to_bytes((value.bit_length() + 7) // 8) for value in (numbers.d, numbers.p, numbers.q)]
    found = []
    for secret in [der, *secrets]:
        integer = str(int.from_bytes(secret)).encode()
        encodings = [base64.b64encode(secret), base64.urlsafe_b64encode(secret), integer, repr(secret).encode()]
        found += [secret, secret.hex().encode(), *(encoded.rstrip(b"=") for encoded in encodings)]
    return [*found, *pem.splitlines()[1:-1]]


@pytest.mark.attack("KEY-04")
@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_a_private_key_is_in_no_row_log_metric_or_printed_object(deployment, caplog, algorithm):
    caplog.set_level(logging.DEBUG)
    material = await generate(algorithm)
    pem = material.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    settings = KeySettings(private_key_pem=pem, algorithm=algorithm)
    keys = await deployment.process(settings)
    token = keys.sign(deployment.claims(), algorithm=algorithm, typ="at+jwt")
    await keys.verify(token, typ="at+jwt", issuer=ISSUER)
    await rotate(keys, algorithm=algorithm)
    with pytest.raises(StartupRefused) as refused:
        await deployment.process(settings.model_copy(update={"public_key_pem": "x"}))
    tables = await deployment.rows(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    dump = [row for table in tables for row in await deployment.rows(f'SELECT * FROM "{table["relname"]}"')]
    assert any(row.get("kid") == material.kid for row in dump)
    stored = b"".join(
        value if isinstance(value, bytes) else repr(value).encode() for row in dump for value in row.values()
    )
    ours = [thing for thing in gc.get_objects() if isinstance(thing, KeyMaterial | StoredKey | PublishedKey)]
    shown = [keys, settings, material, *ours, keys._set, *keys._prepared.values(), refused.value]
    printed = "\n".join(f"{thing!r} {thing!s}" for thing in shown).encode()
    metrics = own_metrics()
    assert b"auth_service_tokens_signed_total" in metrics
    for spelling in spellings(material):
        assert spelling not in stored
        assert spelling not in caplog.text.encode()
        assert spelling not in printed
        assert spelling not in keys.jwks()
        assert spelling not in metrics
        assert spelling not in settings.model_dump_json().encode()
