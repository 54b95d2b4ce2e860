"""Encrypting an assertion for a service provider, as providers do, and as none should."""

import base64
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from lxml import etree

from app.protocols.saml.encryption import ELEMENT_TYPE
from app.protocols.saml.names import DS, SAML, XENC, XENC11, tag

GCM, CBC_MODE = f"{XENC11}aes256-gcm", f"{XENC}aes256-cbc"
OAEP_2001, OAEP, RSA_15 = f"{XENC}rsa-oaep-mgf1p", f"{XENC11}rsa-oaep", f"{XENC}rsa-1_5"


def encrypted(
    element: etree._Element | bytes,
    certificate: x509.Certificate,
    *,
    method: str = GCM,
    wrapping: str = OAEP_2001,
    digest: str | None = None,
    beside: bool = False,
) -> etree._Element:
    """An EncryptedAssertion. `beside` puts the key beside the cipher text instead of inside it."""
    content = element if isinstance(element, bytes) else etree.tostring(element, with_tail=False)
    key, nonce = os.urandom(16 if "128" in method else 32), os.urandom(12)
    if method.endswith("gcm"):
        cipher_text = nonce + AESGCM(key).encrypt(nonce, content, None)
    else:
        vector, size = os.urandom(16), 16 - len(content) % 16
        encryptor = Cipher(AES(key), CBC(vector)).encryptor()
        cipher_text = vector + encryptor.update(content + os.urandom(size - 1) + bytes([size])) + encryptor.finalize()
    outer = etree.Element(tag("saml:EncryptedAssertion"), nsmap={"saml": SAML, "xenc": XENC, "ds": DS})
    data = etree.SubElement(outer, tag("xenc:EncryptedData"), attrib={"Type": ELEMENT_TYPE})
    etree.SubElement(data, tag("xenc:EncryptionMethod"), attrib={"Algorithm": method})
    info = etree.SubElement(data, tag("ds:KeyInfo"))
    _value(data, cipher_text)
    wrapped = etree.SubElement(outer if beside else info, tag("xenc:EncryptedKey"))
    how = etree.SubElement(wrapped, tag("xenc:EncryptionMethod"), attrib={"Algorithm": wrapping})
    if digest is not None:
        etree.SubElement(how, tag("ds:DigestMethod"), attrib={"Algorithm": digest})
    _value(wrapped, certificate.public_key().encrypt(key, _padding(wrapping, digest)))
    return outer


def _padding(wrapping: str, digest: str | None):
    if wrapping == RSA_15:
        return padding.PKCS1v15()
    hashed = hashes.SHA256() if digest == f"{XENC}sha256" else hashes.SHA1()
    return padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashed, label=None)


def _value(parent: etree._Element, content: bytes) -> None:
    data = etree.SubElement(parent, tag("xenc:CipherData"))
    etree.SubElement(data, tag("xenc:CipherValue")).text = base64.b64encode(content).decode()
