"""Which key sets are used, and which keys of them."""

import json

import pytest
from joserfc import jwk

from auth_service_sdk.jwks import UnusableKeySet, parse_key_set


def jwks(*members):
    return json.dumps({"keys": list(members)}).encode()


EC = {"kid": "a", **jwk.ECKey.generate_key("P-256").as_dict(private=False)}
SECRETS = {
    "private": jwk.ECKey.generate_key("P-256").as_dict(private=True) | {"kid": "b"},
    "symmetric": {"kty": "oct", "k": "AAAA", "kid": "b"},
    "symmetric-without-value": {"kty": "oct", "kid": "b"},
    "same-kid": EC,
    "point-off-the-curve": EC | {"kid": "b", "x": EC["y"]},
    "no-y": {name: value for name, value in EC.items() if name != "y"} | {"kid": "b"},
    "number-as-x": EC | {"kid": "b", "x": 5},
    "tiny-rsa": {"kty": "RSA", "kid": "b", "n": "sXch", "e": "AQAB"},
}


@pytest.mark.attack("SDK-03")
@pytest.mark.parametrize("bad", SECRETS.values(), ids=SECRETS)
def test_one_bad_key_spoils_its_set(bad):
    with pytest.raises(UnusableKeySet):
        parse_key_set(200, jwks(EC, bad))


OTHERS = {
    "encryption": EC | {"kid": "b", "use": "enc"},
    "other-curve": jwk.ECKey.generate_key("P-384").as_dict(private=False) | {"kid": "b"},
    "other-algorithm": EC | {"kid": "b", "alg": "ES512"},
    "unknown-type": {"kty": "PQ", "kid": "b"},
    "key-agreement": jwk.OKPKey.generate_key("X25519").as_dict(private=False) | {"kid": "b"},
    "signs-only": EC | {"kid": "b", "key_ops": ["sign"]},
    "no-kid": {name: value for name, value in EC.items() if name != "kid"},
    "type-is-no-string": {"kty": ["EC"], "kid": "b"},
}


@pytest.mark.spec("RFC 7517 §5")
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_key_of_another_kind_is_passed_over(other):
    assert parse_key_set(200, jwks(EC, other)).keys() == {"a"}


def test_too_many_keys_are_not_read():
    with pytest.raises(UnusableKeySet):
        parse_key_set(200, jwks(*(EC | {"kid": str(number)} for number in range(65))))
