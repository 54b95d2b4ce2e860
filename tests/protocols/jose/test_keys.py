import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519

from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.jwk import UnsuitableKey, algorithm_for, public_jwk, thumbprint
from tests.protocols.jose.support import number

RFC_7638_KEY = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
        "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
        "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
        "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


@pytest.mark.spec("RFC 7638 §3.1")
def test_the_thumbprint_of_the_specs_rsa_key():
    assert thumbprint(RFC_7638_KEY) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.spec("RFC 8037 A.3")
def test_the_thumbprint_of_the_specs_ed25519_key():
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.spec("RFC 7517 §4")
def test_a_public_key_is_published_with_its_use_and_nothing_private():
    key = rsa.RSAPublicNumbers(number(RFC_7638_KEY["e"]), number(RFC_7638_KEY["n"])).public_key()
    assert public_jwk(key) == {
        "kty": "RSA",
        "n": RFC_7638_KEY["n"],
        "e": "AQAB",
        "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        "alg": "RS256",
        "use": "sig",
    }


@pytest.mark.spec("RFC 7518 §6.2.1.2")
def test_coordinates_of_a_curve_keep_their_leading_zeros():
    # The private value was chosen for its x, which begins with a zero byte.
    numbers = next(
        numbers
        for value in range(1, 5000)
        if (numbers := ec.derive_private_key(value, ec.SECP256R1()).public_key().public_numbers()).x < 1 << 248
    )
    jwk = public_jwk(numbers.public_key())
    assert (len(jwk["x"]), len(jwk["y"])) == (43, 43)
    assert (number(jwk["x"]), number(jwk["y"])) == (numbers.x, numbers.y)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), Algorithm.RS256),
        (ec.generate_private_key(ec.SECP256R1()), Algorithm.ES256),
        (ed25519.Ed25519PrivateKey.generate(), Algorithm.EDDSA),
    ],
)
def test_a_key_fits_one_algorithm(key, algorithm):
    assert algorithm_for(key) is algorithm
    assert algorithm_for(key.public_key()) is algorithm
    assert public_jwk(key.public_key())["alg"] == algorithm.value


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (rsa.generate_private_key(65537, 1024), "RSA of 1024 bits; 2048 to 8192"),
        (rsa.generate_private_key(3, 2048), "public exponent"),
        (ec.generate_private_key(ec.SECP384R1()), "secp384r1; ES256 needs P-256"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (ed448.Ed448PrivateKey.generate(), "of a kind"),
        (x25519.X25519PrivateKey.generate(), "of a kind"),
        (b"a shared secret", "of a kind"),
    ],
)
def test_weak_keys_and_other_kinds_are_refused_in_words(key, words):
    with pytest.raises(UnsuitableKey, match=words):
        algorithm_for(key)
