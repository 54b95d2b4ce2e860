"""Messages in an address: packed, and signed beside the message. Spec: SAML 2.0 Bindings §3.4.4."""

import base64
import binascii
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus, unquote_plus, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from app.protocols.saml.certificates import fault_of
from app.protocols.saml.document import DocumentRefused
from app.protocols.saml.signature import SignatureRefused

MAX_INFLATED_BYTES = 64 * 1024
MAX_RELAY_STATE_BYTES = 80
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
RSA_SHA256 = f"{_MORE}rsa-sha256"
_RSA: dict[str, type[HashAlgorithm]] = {
    RSA_SHA256: SHA256,
    f"{_MORE}rsa-sha384": SHA384,
    f"{_MORE}rsa-sha512": SHA512,
}
_EC: dict[str, type[HashAlgorithm]] = {
    f"{_MORE}ecdsa-sha256": SHA256,
    f"{_MORE}ecdsa-sha384": SHA384,
    f"{_MORE}ecdsa-sha512": SHA512,
}
_SIGNED_NAMES = ("RelayState", "SigAlg")
_RAW_DEFLATE = -15
_DEFLATE = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that came in an address. `signed` are the very characters that a signature covers."""

    content: bytes
    relay_state: str | None
    algorithm: str | None
    signature: bytes | None
    signed: bytes


def address(url: str, name: str, content: bytes, *, relay_state: str | None, key: RSAPrivateKey | None) -> str:
    """The address that carries a message; `name` is SAMLRequest or SAMLResponse. With a key it is signed."""
    packer = zlib.compressobj(wbits=_RAW_DEFLATE)
    packed = base64.b64encode(packer.compress(content) + packer.flush()).decode("ascii")
    said = {name: packed}
    if relay_state is not None:
        said["RelayState"] = relay_state
    if key is not None:
        said["SigAlg"] = RSA_SHA256
    query = "&".join(f"{each}={quote_plus(value)}" for each, value in said.items())
    if key is not None:
        signature = key.sign(query.encode("ascii"), PKCS1v15(), SHA256())
        query += f"&Signature={quote_plus(base64.b64encode(signature).decode('ascii'))}"
    return f"{url}{'&' if urlsplit(url).query else '?'}{query}"


def read_query(query: str, name: str) -> Message:
    """The message of a query, unpacked within bounds. Raises DocumentRefused.

    Each parameter stands there once; which of two a signature would cover is never asked.
    """
    raw: dict[str, str] = {}
    for piece in query.split("&"):
        key, _, value = piece.partition("=")
        if key in raw:
            raise DocumentRefused("the address names a parameter twice")
        raw[key] = value
    if name not in raw or unquote_plus(raw.get("SAMLEncoding", _DEFLATE)) != _DEFLATE:
        raise DocumentRefused("the address carries no message that is packed as DEFLATE")
    covered = [f"{name}={raw[name]}", *(f"{each}={raw[each]}" for each in _SIGNED_NAMES if each in raw)]
    signature = _base64(raw["Signature"]) if "Signature" in raw else None
    return Message(
        content=inflated(_base64(raw[name])),
        relay_state=unquote_plus(raw["RelayState"]) if "RelayState" in raw else None,
        algorithm=unquote_plus(raw["SigAlg"]) if "SigAlg" in raw else None,
        signature=signature,
        signed="&".join(covered).encode("utf-8"),
    )


def inflated(packed: bytes) -> bytes:
    """What was packed, at most 64 kB of it: a few bytes can hold gigabytes. Raises DocumentRefused."""
    unpacker = zlib.decompressobj(wbits=_RAW_DEFLATE)
    try:
        content = unpacker.decompress(packed, MAX_INFLATED_BYTES + 1)
    except zlib.error:
        raise DocumentRefused("the message is not packed as DEFLATE") from None
    if len(content) > MAX_INFLATED_BYTES or not unpacker.eof:
        raise DocumentRefused(f"the message is cut off, or longer than {MAX_INFLATED_BYTES} bytes unpacked")
    return content


def require_signed(message: Message, certificates: Sequence[x509.Certificate]) -> None:
    """Refuse a message that none of these keys has signed. Raises SignatureRefused."""
    if message.signature is None or message.algorithm is None:
        raise SignatureRefused("signature", "it is not signed")
    if message.algorithm not in _RSA and message.algorithm not in _EC:
        words = f"it is signed by {message.algorithm[:200]}; RSA or ECDSA with SHA-256 or more is accepted"
        raise SignatureRefused("signature method", words)
    if not any(_is_signed_by(message, message.algorithm, message.signature, each) for each in certificates):
        raise SignatureRefused(
            "signature", "no key of the provider has made this signature, or what it covers was changed"
        )


def _is_signed_by(message: Message, algorithm: str, signature: bytes, certificate: x509.Certificate) -> bool:
    if fault_of(certificate) is not None:
        return False
    key = certificate.public_key()
    try:
        if isinstance(key, RSAPublicKey) and algorithm in _RSA:
            key.verify(signature, message.signed, PKCS1v15(), _RSA[algorithm]())
        elif isinstance(key, EllipticCurvePublicKey) and algorithm in _EC:
            half = len(signature) // 2
            r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            key.verify(encode_dss_signature(r, s), message.signed, ECDSA(_EC[algorithm]()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _base64(raw: str) -> bytes:
    try:
        return base64.b64decode("".join(unquote_plus(raw).split()), validate=True)
    except (binascii.Error, ValueError):
        raise DocumentRefused("the message is no base64") from None
