import base64
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from app.protocols.saml.names import DS, SAML, SAMLP, XENC, XENC11, tag
from tests.federation.saml.encrypting import CBC_MODE, GCM, OAEP, OAEP_2001, RSA_15, encrypted
from tests.federation.saml.idp import assertion, response, sign
from tests.protocols.saml.judging import Signed, accepted, refused, said
from tests.system import program


@pytest.fixture(scope="session")
def own(attacker):
    """Our key pair."""
    return attacker


def inside(keys, own, **how):
    about = said()
    return response(about, encrypted(sign(assertion(about), keys), own.certificate, **how))


@pytest.mark.spec("SAML 2.0 Core §2.3.4")
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"beside": True},
        {"method": f"{XENC11}aes128-gcm"},
        {"wrapping": OAEP_2001, "digest": f"{XENC}sha256"},
        {"wrapping": OAEP, "digest": f"{XENC}sha256"},
    ],
)
def test_what_is_encrypted_for_us_opens(keys, own, how):
    found = accepted(inside(keys, own, **how), keys, keys=[own.key], requires_encryption=True)
    assert found.name_id.value == "ann"


def test_any_key_of_ours_opens(keys, own):
    assert accepted(inside(keys, own), keys, keys=[keys.key, own.key])


def test_what_is_encrypted_is_judged_like_anything_plain(keys, own):
    about = said()
    unsigned = response(about, encrypted(assertion(about), own.certificate))
    assert refused(unsigned, keys, keys=[own.key]) == "signed"
    wrapped = sign(assertion(about), keys)
    wrapped.append(assertion(said()))
    assert refused(response(about, encrypted(wrapped, own.certificate)), keys, keys=[own.key]) == "shape"
    hostile = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + etree.tostring(sign(assertion(about), keys))
    assert refused(response(about, encrypted(hostile, own.certificate)), keys, keys=[own.key]) == "document"
    several = etree.tostring(sign(assertion(about), keys)) + b"</opened><opened>"
    assert refused(response(about, encrypted(several, own.certificate)), keys, keys=[own.key]) == "document"


def test_a_response_that_is_signed_covers_what_is_encrypted_in_it(keys, own):
    about = said()
    whole = sign(response(about, encrypted(assertion(about), own.certificate)), keys)
    assert accepted(whole, keys, keys=[own.key], signed=Signed.RESPONSE)
    changed = whole.find(f".//{tag('xenc:CipherValue')}")
    changed.text = base64.b64encode(b"x" * 200).decode()
    assert refused(whole, keys, keys=[own.key]) == "signature"


def test_a_plain_assertion_is_refused_where_encryption_is_required(keys):
    about = said()
    assert refused(response(about, sign(assertion(about), keys)), keys, requires_encryption=True) == "encryption"


@pytest.mark.spec("XML Encryption 1.1 §5.5")
@pytest.mark.parametrize("how", [{"wrapping": RSA_15}, {"method": CBC_MODE}, {"wrapping": OAEP, "digest": f"{DS}x"}])
def test_weak_or_unknown_encryption_is_refused(keys, own, how):
    assert refused(inside(keys, own, **how), keys, keys=[own.key]) == "encryption"


@pytest.mark.spec("XML Encryption 1.1 §5.2")
def test_cbc_opens_only_where_it_is_allowed_and_the_response_signed(keys, own):
    assert refused(inside(keys, own, method=CBC_MODE), keys, keys=[own.key], allows_cbc=True) == "encryption"
    about = said()
    whole = sign(response(about, encrypted(assertion(about), own.certificate, method=CBC_MODE)), keys)
    assert refused(whole, keys, keys=[own.key]) == "encryption"
    assert accepted(whole, keys, keys=[own.key], allows_cbc=True)


def test_what_does_not_open_says_nothing_of_why(keys, own):
    damaged = []
    for path in (f".//{tag('xenc:EncryptedKey')}//{tag('xenc:CipherValue')}", f".//{tag('xenc:CipherValue')}"):
        whole = inside(keys, own, beside=True)
        value = whole.find(path)
        raw = bytearray(base64.b64decode(value.text))
        raw[-1] ^= 1
        value.text = base64.b64encode(bytes(raw)).decode()
        damaged.append(whole)
    for whole in (*damaged, inside(keys, keys)):
        assert refused(whole, keys, keys=[own.key]) == "encryption"


TEMPLATE = """<xenc:EncryptedData xmlns:xenc="{xenc}" xmlns:ds="{ds}" Type="{xenc}Element">
<xenc:EncryptionMethod Algorithm="{method}"/><ds:KeyInfo><xenc:EncryptedKey>
<xenc:EncryptionMethod Algorithm="{oaep}"><ds:DigestMethod Algorithm="{ds}sha1"/></xenc:EncryptionMethod>
<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>
<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>"""


@pytest.mark.parametrize("method", [GCM, f"{XENC11}aes128-gcm", CBC_MODE])
def test_what_xmlsec_encrypts_opens(keys, own, method, tmp_path):
    """A library that nobody here wrote, on the other side."""
    about = said()
    whole = response(about, sign(assertion(about), keys))
    holder = etree.SubElement(whole, tag("saml:EncryptedAssertion"))
    holder.append(whole.find(tag("saml:Assertion")))
    (tmp_path / "response.xml").write_bytes(etree.tostring(whole))
    (tmp_path / "template.xml").write_text(TEMPLATE.format(xenc=XENC, ds=DS, method=method, oaep=OAEP_2001))
    (tmp_path / "own.pem").write_bytes(own.certificate.public_bytes(Encoding.PEM))
    command = [program("xmlsec1"), "--encrypt", "--pubkey-cert-pem", tmp_path / "own.pem"]
    command += ["--session-key", "aes-128" if "128" in method else "aes-256", "--xml-data", tmp_path / "response.xml"]
    command += ["--node-xpath", f"//*[local-name()='Assertion' and namespace-uri()='{SAML}']"]
    made = subprocess.run([*command, tmp_path / "template.xml"], capture_output=True, check=True, timeout=60).stdout
    root = etree.fromstring(made)
    assert root.tag == f"{{{SAMLP}}}Response"
    if method == CBC_MODE:
        root = sign(root, keys)
    assert accepted(root, keys, keys=[own.key], requires_encryption=True, allows_cbc=True).name_id.value == "ann"
