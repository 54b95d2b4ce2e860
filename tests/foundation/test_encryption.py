import base64
import hashlib
import hmac
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.foundation.encryption import DecryptionFailed, Keyring, UnknownKey, key_id, parse_keys

# Other work on the machine may take a case any time.
UNHURRIED = settings(deadline=None)

OLD, NEW = os.urandom(32), os.urandom(32)


@UNHURRIED
@given(st.binary(max_size=200), st.text(), st.text())
def test_a_sealed_value_opens_in_its_place(plaintext, purpose, bound_to):
    ring = Keyring([NEW])
    sealed = ring.encrypt(plaintext, purpose=purpose, bound_to=bound_to)
    assert ring.decrypt(sealed, purpose=purpose, bound_to=bound_to) == plaintext


@pytest.mark.parametrize(("purpose", "bound_to"), [("other", "b"), ("p", "other"), ("pb", ""), ("", "pb")])
def test_a_sealed_value_does_not_open_in_another_place(purpose, bound_to):
    ring = Keyring([NEW])
    sealed = ring.encrypt(b"secret", purpose="p", bound_to="b")
    with pytest.raises(DecryptionFailed):
        ring.decrypt(sealed, purpose=purpose, bound_to=bound_to)


def test_every_altered_bit_is_noticed():
    ring = Keyring([NEW])
    sealed = ring.encrypt(b"secret", purpose="p", bound_to="b")
    for position in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(DecryptionFailed):
            ring.decrypt(bytes(altered), purpose="p", bound_to="b")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 32, b"\x02" + bytes(range(60))])
def test_what_was_never_sealed_is_refused(sealed):
    with pytest.raises(DecryptionFailed):
        Keyring([NEW]).decrypt(sealed, purpose="p", bound_to="b")


def test_two_sealings_of_one_value_differ():
    ring = Keyring([NEW])
    first, second = (ring.encrypt(b"secret", purpose="p", bound_to="b") for _ in range(2))
    assert first != second
    assert b"secret" not in first


def test_the_first_key_encrypts_and_every_key_decrypts():
    sealed_before = Keyring([OLD]).encrypt(b"secret", purpose="p", bound_to="b")
    ring = Keyring([NEW, OLD])
    assert ring.decrypt(sealed_before, purpose="p", bound_to="b") == b"secret"
    sealed_now = ring.encrypt(b"secret", purpose="p", bound_to="b")
    assert ring.current_id == key_id(NEW)
    assert sealed_now[1:5].hex() == key_id(NEW)


def test_a_key_that_left_the_ring_is_named_and_not_shown():
    sealed = Keyring([OLD]).encrypt(b"secret", purpose="p", bound_to="b")
    with pytest.raises(UnknownKey) as refused:
        Keyring([NEW]).decrypt(sealed, purpose="p", bound_to="b")
    assert key_id(OLD) in str(refused.value)


@pytest.mark.spec("RFC 5869 §2")
def test_derived_secrets_are_hkdf_sha256_of_the_key():
    prk = hmac.digest(bytes(32), OLD, "sha256")
    expected = hmac.digest(prk, b"auth-service derive refresh-successor\x01", "sha256")
    ring = Keyring([NEW, OLD])
    assert ring.derive("refresh-successor", key_id=key_id(OLD)) == expected


def test_derived_secrets_differ_by_purpose_and_by_key():
    ring = Keyring([NEW, OLD])
    secrets = {ring.derive("a"), ring.derive("b"), ring.derive("a", key_id=key_id(OLD)), NEW, OLD}
    assert len(secrets) == 5
    assert ring.derive("a") == ring.derive("a", key_id=ring.current_id)


def test_deriving_from_an_unknown_key_is_refused():
    with pytest.raises(UnknownKey):
        Keyring([NEW]).derive("a", key_id=key_id(OLD))


def test_a_key_id_is_no_plain_hash_of_the_key():
    assert len(key_id(NEW)) == 8
    assert not hashlib.sha256(NEW).hexdigest().startswith(key_id(NEW))


def test_the_ring_does_not_show_its_keys():
    shown = repr(Keyring([NEW, OLD])) + str(Keyring([NEW, OLD]))
    for key in (NEW, OLD):
        assert key.hex() not in shown
        assert repr(key) not in shown


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, b"short"]])
def test_a_ring_of_no_or_wrong_keys_is_refused(keys):
    with pytest.raises(ValueError, match="encryption key"):
        Keyring(keys)


@pytest.mark.parametrize(
    "encode",
    [
        lambda key: base64.b64encode(key).decode(),
        lambda key: base64.urlsafe_b64encode(key).decode(),
        lambda key: base64.urlsafe_b64encode(key).decode().rstrip("="),
    ],
)
def test_keys_are_read_from_either_alphabet_padded_or_not(encode):
    text = f" {encode(NEW)} ,{encode(OLD)}\n"
    assert parse_keys(text) == (NEW, OLD)


@pytest.mark.parametrize("bad", ["", "!", "abc", "ключ", base64.b64encode(bytes(31)).decode(), "A" * 10_000])
def test_a_faulty_key_is_named_by_its_position_and_not_shown(bad):
    good = base64.b64encode(NEW).decode()
    with pytest.raises(ValueError, match="key 2 ") as refused:
        parse_keys(f"{good},{bad}")
    assert good not in str(refused.value)
    assert not bad or f" {bad}" not in str(refused.value)
