# SPDX-License-Identifier: Apache-2.0
"""The emulator as a process of its own, over TLS if a folder for a throw-away certificate is given.

``python -m benchmarks.tls_emulator JOB_SECONDS [FOLDER]`` prints its address.
"""

from __future__ import annotations

import datetime
import ipaddress
import signal
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_kling.emulator.server import Emulator

CERTIFICATE, KEY = "certificate.pem", "key.pem"


def make_certificate(folder: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 and its key; return the certificate's path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / CERTIFICATE).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / KEY).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / CERTIFICATE


def main() -> None:
    """Serve until terminated."""
    folder = Path(sys.argv[2]) if sys.argv[2:] else None
    emulator = Emulator(job_seconds=float(sys.argv[1]), slots=0, units=1e9)
    listener = emulator.listen()
    server = emulator.server()
    if folder:
        server.config.ssl_certfile, server.config.ssl_keyfile = folder / CERTIFICATE, folder / KEY
        emulator.url = emulator.url.replace("http:", "https:")
    sys.stdout.write(f"{emulator.url}\n")
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.run([listener])
    finally:
        emulator.close()


if __name__ == "__main__":
    main()
