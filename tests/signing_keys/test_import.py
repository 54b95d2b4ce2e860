import logging

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from app.foundation.errors import StartupRefused
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys.material import material_of
from app.signing_keys.settings import KeySettings
from tests.signing_keys.support import ISSUER, kid_of, rotate

pytestmark = pytest.mark.anyio

RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY = rsa.generate_private_key(65537, 3072)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def pem(key, form=PrivateFormat.PKCS8, encryption=None):
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def public_pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def given(key, **more):
    return KeySettings(private_key_pem=key if isinstance(key, str) else pem(key), **more)


def token_of(deployment, keys, algorithm=Algorithm.RS256):
    return keys.sign(deployment.claims(), algorithm=algorithm, typ="at+jwt")


@pytest.mark.parametrize(
    ("text", "key", "algorithm"),
    [
        (pem(RSA_KEY), RSA_KEY, Algorithm.RS256),
        (pem(RSA_KEY, PrivateFormat.TraditionalOpenSSL), RSA_KEY, Algorithm.RS256),
        (pem(RSA_KEY).replace("\n", "\\n"), RSA_KEY, Algorithm.RS256),
        (f"\n  {pem(RSA_KEY)}\n", RSA_KEY, Algorithm.RS256),
        (pem(EC_KEY), EC_KEY, Algorithm.ES256),
        (pem(EC_KEY, PrivateFormat.TraditionalOpenSSL), EC_KEY, Algorithm.ES256),
        (pem(ED_KEY), ED_KEY, Algorithm.EDDSA),
    ],
    ids=["PKCS#8", "PKCS#1", "one line", "blanks around", "EC PKCS#8", "SEC 1", "Ed25519"],
)
async def test_the_operators_key_signs_at_once_where_none_did(deployment, text, key, algorithm):
    keys = await deployment.process(given(text, algorithm=algorithm))
    token = token_of(deployment, keys, algorithm)
    assert kid_of(token) == material_of(key).kid
    await keys.verify(token, typ="at+jwt", issuer=ISSUER)
    assert list((await deployment.states(algorithm.value)).values()).count("next") == 1
    imported = [entry["details"] for entry in await deployment.events("signing_key.created")]
    assert [one["kid"] for one in imported if one["imported"]] == [material_of(key).kid]


async def test_the_operators_key_waits_as_the_next_one_where_another_signs(deployment, caplog):
    caplog.set_level(logging.INFO, "app.signing_keys")
    before = await deployment.process()
    active, generated_next = await deployment.states()
    keys = await deployment.process(given(RSA_KEY))
    kid = material_of(RSA_KEY).kid
    assert await deployment.states() == {active: "active", generated_next: "retired", kid: "next"}
    assert f"imported the key {kid}" in caplog.text
    assert "rotate-signing-key --algorithm RS256" in caplog.text
    assert kid_of(token_of(deployment, keys)) == active
    deployment.pass_time(3)
    await rotate(before)
    assert kid_of(token_of(deployment, before)) == kid


async def test_a_rotation_is_not_undone_by_a_restart_with_the_same_key(deployment):
    keys = await deployment.process(given(RSA_KEY))
    deployment.pass_time(3)
    await rotate(keys)
    states = await deployment.states()
    again = await deployment.process(given(RSA_KEY))
    assert await deployment.states() == states
    assert kid_of(token_of(deployment, again)) != material_of(RSA_KEY).kid
    deployment.pass_time(1000)
    await again.refresh()
    await deployment.process(given(RSA_KEY))
    assert (await deployment.states())[material_of(RSA_KEY).kid] == "retired"


async def test_a_second_key_of_the_operator_replaces_the_unused_next_one(deployment):
    await deployment.process(given(RSA_KEY))
    await deployment.process(given(OTHER_RSA_KEY))
    states = await deployment.states()
    assert states[material_of(RSA_KEY).kid] == "active"
    assert states[material_of(OTHER_RSA_KEY).kid] == "next"
    assert sorted(states.values()) == ["active", "next", "retired"]


async def test_a_key_of_another_algorithm_signs_at_once_for_its_own(deployment):
    await deployment.process()
    keys = await deployment.process(given(EC_KEY, algorithm=Algorithm.ES256))
    assert kid_of(token_of(deployment, keys, Algorithm.ES256)) == material_of(EC_KEY).kid
    assert sorted((await deployment.states()).values()) == ["active", "next"]


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY, ED_KEY])
async def test_the_matching_public_key_may_be_given_too(deployment, key):
    algorithm = material_of(key).algorithm
    keys = await deployment.process(given(key, public_key_pem=public_pem(key), algorithm=algorithm))
    assert kid_of(token_of(deployment, keys, algorithm)) == material_of(key).kid


@pytest.mark.parametrize("blank", ["", "  \n"])
async def test_blank_settings_are_no_key(deployment, blank):
    keys = await deployment.process(KeySettings(private_key_pem=blank, public_key_pem=blank))
    assert keys.is_ready


REFUSED = {
    "a public key alone": (KeySettings(public_key_pem=public_pem(RSA_KEY)), "set without JWT__PRIVATE_KEY_PEM"),
    "another pair": (given(RSA_KEY, public_key_pem=public_pem(OTHER_RSA_KEY)), "does not belong to"),
    "another kind": (given(RSA_KEY, public_key_pem=public_pem(EC_KEY)), "does not belong to"),
    "a broken public key": (given(RSA_KEY, public_key_pem="PUBLIC"), "JWT__PUBLIC_KEY_PEM is not a public key"),
    "weak RSA": (given(rsa.generate_private_key(65537, 1024)), "RSA of 1024 bits; 2048 to 8192 will do"),
    "a wrong curve": (given(ec.generate_private_key(ec.SECP384R1())), "curve secp384r1; ES256 needs P-256"),
    "a wrong kind": (given(ed448.Ed448PrivateKey.generate()), "of a kind that we do not sign with"),
    "a public key as private": (given(public_pem(RSA_KEY)), "not a private key in PEM form"),
    "no PEM": (given("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"), "not a private key in PEM form"),
    "half a PEM": (given(pem(RSA_KEY)[:900]), "not a private key in PEM form"),
    "an encrypted PEM": (given(pem(RSA_KEY, encryption=BestAvailableEncryption(b"pw"))), "encrypted with a passphrase"),
    "an EC key for RS256": (given(EC_KEY), "holds a key for ES256, but JWT__ALGORITHM is RS256"),
    "an RSA key for EdDSA": (given(RSA_KEY, algorithm="EdDSA"), "holds a key for RS256, but JWT__ALGORITHM is EdDSA"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_an_unfit_key_stops_the_start_in_words_and_changes_nothing(deployment, case, caplog):
    caplog.set_level(logging.DEBUG)
    settings, words = REFUSED[case]
    with pytest.raises(StartupRefused, match=words) as refused:
        await deployment.process(settings)
    assert await deployment.states() == {}
    private = settings.private_key_pem.get_secret_value() if settings.private_key_pem else "none"
    body = private.split("\n")[1] if "\n" in private else private
    assert body not in str(refused.value) + caplog.text
    assert refused.value.__cause__ is None
