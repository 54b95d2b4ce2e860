import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.protocols.jose import compact
from app.protocols.jose.signature import Signer, Verifier
from tests.protocols.jose.support import number, part, unb64

RFC_7515_PAYLOAD = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

RFC_7515_MODULUS = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR"
    "T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXB"
    "dQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia"
    "GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
)
RFC_7515_RSA_SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
    "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
    "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
    "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
RS256 = (
    rsa.RSAPublicNumbers(65537, number(RFC_7515_MODULUS)).public_key(),
    f"eyJhbGciOiJSUzI1NiJ9.{RFC_7515_PAYLOAD}",
    RFC_7515_RSA_SIGNATURE,
)
ES256 = (
    ec.EllipticCurvePublicNumbers(
        number("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        number("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
        ec.SECP256R1(),
    ).public_key(),
    f"eyJhbGciOiJFUzI1NiJ9.{RFC_7515_PAYLOAD}",
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
)
EDDSA = (
    ed25519.Ed25519PublicKey.from_public_bytes(unb64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")),
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
)
VECTORS = [
    pytest.param(*RS256, id="RS256", marks=pytest.mark.spec("RFC 7515 A.2")),
    pytest.param(*ES256, id="ES256", marks=pytest.mark.spec("RFC 7515 A.3")),
    pytest.param(*EDDSA, id="EdDSA", marks=pytest.mark.spec("RFC 8037 A.4")),
]
PRIVATE_KEYS = [
    pytest.param(rsa.generate_private_key(65537, 2048), id="RS256"),
    pytest.param(ec.generate_private_key(ec.SECP256R1()), id="ES256"),
    pytest.param(ed25519.Ed25519PrivateKey.generate(), id="EdDSA"),
]


@pytest.mark.parametrize(("key", "signing_input", "signature"), VECTORS)
def test_the_specs_signature_is_accepted(key, signing_input, signature):
    assert Verifier(key).accepts(signing_input.encode(), unb64(signature))


@pytest.mark.parametrize(("key", "signing_input", "signature"), VECTORS)
def test_the_specs_signature_is_refused_over_anything_else(key, signing_input, signature):
    verifier, raw = Verifier(key), unb64(signature)
    assert not verifier.accepts(signing_input.encode() + b"A", raw)
    for wrong in (b"", raw[:-1], raw + b"\x00", bytes(len(raw)), raw[::-1], b"\xff" * len(raw)):
        assert not verifier.accepts(signing_input.encode(), wrong)


@pytest.mark.spec("RFC 8037 A.4")
def test_ed25519_signs_as_the_spec_does():
    key = ed25519.Ed25519PrivateKey.from_private_bytes(unb64("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
    token = Signer(key, kid="k").sign({}, typ="at+jwt")
    signing_input, _, signature = token.rpartition(".")
    assert unb64(signature) == key.sign(signing_input.encode())


@pytest.mark.parametrize("private_key", PRIVATE_KEYS)
def test_what_a_key_signs_its_public_half_accepts(private_key):
    signer, verifier = Signer(private_key, kid="the-kid"), Verifier(private_key.public_key())
    token = signer.sign({"sub": "Zoë", "exp": 1}, typ="at+jwt")
    parsed = compact.parse(token)
    assert (parsed.alg, parsed.kid, parsed.typ) == (signer.algorithm.value, "the-kid", "at+jwt")
    assert token.split(".")[0] == part({"alg": parsed.alg, "kid": "the-kid", "typ": "at+jwt"})
    assert compact.read_object(parsed.payload) == {"sub": "Zoë", "exp": 1}
    assert verifier.accepts(parsed.signing_input, parsed.signature)


@pytest.mark.parametrize("private_key", PRIVATE_KEYS)
def test_a_token_of_another_type_has_another_header(private_key):
    signer = Signer(private_key, kid="k")
    types = [compact.parse(signer.sign({}, typ=typ)).typ for typ in ("at+jwt", "action+jwt", "at+jwt")]
    assert types == ["at+jwt", "action+jwt", "at+jwt"]


def test_numbers_that_json_has_no_word_for_are_not_signed():
    signer = Signer(ed25519.Ed25519PrivateKey.generate(), kid="k")
    with pytest.raises(ValueError, match="JSON"):
        signer.sign({"exp": float("nan")}, typ="at+jwt")
