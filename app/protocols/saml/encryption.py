"""Opening an assertion that was encrypted for us: one wrapped key, one cipher text.

Who encrypts proves nothing by it, for our certificate is public: what comes out is judged like anything that came
plain. Specs: XML Encryption 1.1 §5.2, §5.5; SAML 2.0 Core §2.3.4.
"""

import base64
import binascii
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from lxml import etree

from app.protocols.saml.names import DS, XENC, XENC11, tag

ELEMENT_TYPE = f"{XENC}Element"
_GCM = {f"{XENC11}aes128-gcm": 16, f"{XENC11}aes192-gcm": 24, f"{XENC11}aes256-gcm": 32}
_CBC = {f"{XENC}aes128-cbc": 16, f"{XENC}aes192-cbc": 24, f"{XENC}aes256-cbc": 32}
_OAEP_OF_2001 = f"{XENC}rsa-oaep-mgf1p"
_OAEP = f"{XENC11}rsa-oaep"
_DIGESTS: dict[str, type[HashAlgorithm]] = {
    # Padding needs no collision resistance of its hash; the others have no better name for this than SHA-1.
    f"{DS}sha1": SHA1,
    f"{XENC}sha256": SHA256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": SHA384,
    f"{XENC}sha512": SHA512,
}
_MASKS: dict[str, type[HashAlgorithm]] = {
    f"{XENC11}mgf1sha1": SHA1,
    f"{XENC11}mgf1sha256": SHA256,
    f"{XENC11}mgf1sha384": SHA384,
    f"{XENC11}mgf1sha512": SHA512,
}
_NONCE_BYTES = 12
_TAG_BYTES = 16
_BLOCK_BYTES = 16


class DecryptionRefused(ValueError):
    """An assertion was not opened. What depends on the cipher text itself is told by one and the same message."""


_CLOSED = "it does not open: encrypted for another key, or damaged"


def is_cbc(encrypted: etree._Element) -> bool:
    """Whether an EncryptedAssertion says that it is in a mode that does not notice changes."""
    return _method(encrypted.find(tag("xenc:EncryptedData"))) in _CBC


def decrypted(encrypted: etree._Element, keys: Sequence[RSAPrivateKey], *, allows_cbc: bool = False) -> bytes:
    """The XML inside an EncryptedAssertion that has passed its shape. Raises DecryptionRefused."""
    data = encrypted.find(tag("xenc:EncryptedData"))
    wrapped = _wrapped_key(encrypted, data)
    method = _method(data)
    if method not in _GCM and not (allows_cbc and method in _CBC):
        raise DecryptionRefused(f"it is encrypted by {method}; AES-GCM is accepted")
    if data is not None and data.get("Type") not in (None, ELEMENT_TYPE):
        raise DecryptionRefused("what is encrypted is no element")
    cipher_text, padding, cipher_key = _cipher_value(data), _padding(wrapped), _cipher_value(wrapped)
    size = (_GCM | _CBC)[method]
    for key in keys:
        try:
            content_key = key.decrypt(cipher_key, padding)
        except ValueError:
            continue
        if len(content_key) == size:
            return (
                _opened_by_gcm(content_key, cipher_text) if method in _GCM else _opened_by_cbc(content_key, cipher_text)
            )
    raise DecryptionRefused(_CLOSED)


def _opened_by_gcm(key: bytes, cipher_text: bytes) -> bytes:
    if len(cipher_text) < _NONCE_BYTES + _TAG_BYTES:
        raise DecryptionRefused(_CLOSED)
    try:
        return AESGCM(key).decrypt(cipher_text[:_NONCE_BYTES], cipher_text[_NONCE_BYTES:], None)
    except InvalidTag:
        raise DecryptionRefused(_CLOSED) from None


def _opened_by_cbc(key: bytes, cipher_text: bytes) -> bytes:
    """Spec: XML Encryption 1.1 §5.2: the last byte says how many are padding, whatever the others are."""
    if len(cipher_text) < 2 * _BLOCK_BYTES or len(cipher_text) % _BLOCK_BYTES:
        raise DecryptionRefused(_CLOSED)
    decryptor = Cipher(AES(key), CBC(cipher_text[:_BLOCK_BYTES])).decryptor()
    padded = decryptor.update(cipher_text[_BLOCK_BYTES:]) + decryptor.finalize()
    if not 1 <= padded[-1] <= _BLOCK_BYTES:
        raise DecryptionRefused(_CLOSED)
    return padded[: -padded[-1]]


def _wrapped_key(encrypted: etree._Element, data: etree._Element | None) -> etree._Element:
    """The one wrapped key: inside the cipher text's KeyInfo, or beside the cipher text."""
    inside = None if data is None else data.find(f"{tag('ds:KeyInfo')}/{tag('xenc:EncryptedKey')}")
    beside = encrypted.find(tag("xenc:EncryptedKey"))
    found = [key for key in (inside, beside) if key is not None]
    if len(found) != 1:
        raise DecryptionRefused("it does not carry exactly one encrypted key")
    return found[0]


def _padding(wrapped: etree._Element) -> OAEP:
    method = _method(wrapped)
    if method not in (_OAEP, _OAEP_OF_2001):
        raise DecryptionRefused(f"its key is wrapped by {method}; RSA-OAEP is accepted")
    inside = wrapped.find(tag("xenc:EncryptionMethod"))
    digest_uri, mask_uri = _named(inside, "ds:DigestMethod"), _named(inside, "xenc11:MGF")
    if inside is not None and inside.find(tag("xenc:OAEPparams")) is not None:
        raise DecryptionRefused("its key is wrapped with parameters that are not known here")
    digest = SHA1 if digest_uri is None else _DIGESTS.get(digest_uri)
    mask = SHA1 if mask_uri is None or method == _OAEP_OF_2001 else _MASKS.get(mask_uri)
    if digest is None or mask is None:
        raise DecryptionRefused("its key is wrapped with a hash that is not known here")
    return OAEP(mgf=MGF1(mask()), algorithm=digest(), label=None)


def _named(method: etree._Element | None, name: str) -> str | None:
    found = None if method is None else method.find(tag(name))
    return None if found is None else str(found.get("Algorithm"))


def _method(element: etree._Element | None) -> str:
    named = None if element is None else _named(element, "xenc:EncryptionMethod")
    return "nothing" if named is None else named[:200]


def _cipher_value(element: etree._Element | None) -> bytes:
    path = f"{tag('xenc:CipherData')}/{tag('xenc:CipherValue')}"
    text = None if element is None else element.findtext(path)
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise DecryptionRefused("its cipher text is no base64") from None
