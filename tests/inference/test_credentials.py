"""C2PA content credentials with a self-made certificate; skipped without the extra [c2pa]."""

import datetime
import json

import numpy as np
import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.inference.output.files import write_output
from lit_emotalk.inference.output.provenance import STATEMENT, Credentials, _c2pa

c2pa = pytest.importorskip("c2pa")
pytest.importorskip("cryptography")

FRAMES = [np.full((48, 48, 3), 20 * index, np.uint8) for index in range(5)]
SOUND = np.full(5 * 640, 0.01, np.float32)


def certificate(subject, issuer, key, signer, authority):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text):
        parts = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        return x509.Name([x509.NameAttribute(part, text) for part in parts])

    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    usage = [not authority, False, False, False, False, authority, authority, False, False]
    builder = (
        x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(x509.KeyUsage(*usage), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    )
    if not authority:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    return builder.sign(signer, hashes.SHA256())


@pytest.fixture(scope="module")
def credentials(tmp_path_factory):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("key")
    root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = [certificate("Signer", "Root", key, root, False), certificate("Root", "Root", root, root, True)]
    pem = serialization.Encoding.PEM
    (folder / "chain.pem").write_bytes(b"".join(each.public_bytes(pem) for each in chain))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    return Credentials(folder / "chain.pem", folder / "key.pem")


def read(path):
    with _c2pa().Reader(str(path)) as reader:
        return json.loads(reader.json())


@pytest.mark.parametrize("name", ["o.mp4", "seq"])
def test_the_signature_holds_until_the_file_is_changed(tmp_path, credentials, name):
    write_output(tmp_path / name, iter(FRAMES), SOUND, credentials)
    path = tmp_path / name if name.endswith("mp4") else tmp_path / name / "frame_000003.png"
    assert [each.name for each in tmp_path.iterdir()] == [name]
    found = read(path)
    assert found["validation_state"] == "Valid" and STATEMENT in json.dumps(found)
    data = bytearray(path.read_bytes())
    place = data.rindex(b"mdat") + 40 if name.endswith("mp4") else len(data) - 30
    data[place] ^= 1
    path.write_bytes(data)
    assert read(path)["validation_state"] == "Invalid"


def test_a_wrong_key_is_one_line(tmp_path, credentials):
    (tmp_path / "bad.pem").write_text("no certificate")
    wrong = Credentials(tmp_path / "bad.pem", credentials.key)
    with pytest.raises(UserError, match="cannot sign"):
        write_output(tmp_path / "o.mp4", iter(FRAMES), SOUND, wrong)
    with pytest.raises(UserError, match="webm"):
        write_output(tmp_path / "o.webm", iter(FRAMES), SOUND, credentials)
    assert [each.name for each in tmp_path.iterdir()] == ["bad.pem"]
