"""A certificate for development: signed by itself, for loopback alone, good for a month."""

import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exchange.gateway.server import Tls

DAYS = 30


def development_certificate(folder: Path) -> Tls:
    """The one in the folder, or a new one if there is none or it has ended. The key is for nobody else to read."""
    made = Tls(folder / "ringfence-dev.crt", folder / "ringfence-dev.key")
    now = datetime.datetime.now(datetime.UTC)
    if made.certificate.exists() and made.key.exists():
        known = x509.load_pem_x509_certificate(made.certificate.read_bytes())
        if known.not_valid_after_utc > now:
            return made
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ringfence development")])
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(made.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(secret)
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return made
