"""A private certificate authority for a local network, and the server certificate that it signs.

ECDSA on P-256: small enough for a board's handshake, and what MicroPython's mbedtls verifies. Boards pin `ca.pem`.
"""

import os
from collections.abc import Collection
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=825)  # the most that Apple's devices accept, also from a private authority
RENEW_BEFORE = timedelta(days=60)
BACKDATED = timedelta(days=1)  # for boards and computers whose clock is a little behind

Key = ec.EllipticCurvePrivateKey


class Files(NamedTuple):
    """Where everything lies; the keys are readable by their owner only."""

    authority: Path
    authority_key: Path
    certificate: Path
    key: Path


def files_in(folder: Path) -> Files:
    return Files(*(folder / name for name in ("ca.pem", "ca.key", "server.pem", "server.key")))


def ensure(folder: Path, names: Collection[str], now: datetime) -> bool:
    """Make what is missing, nearly expired or not valid for all `names`. False when there was nothing to do.

    A name once given stays: renewing without it must not lock anybody out.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = files_in(folder)
    authority, authority_key, made = _authority(files, now)
    if not made and _serves(files, authority, names, now):
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = server_certificate(authority, authority_key, key, {*names, *names_in(files.certificate)}, now)
    _write_key(files.key, key)
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return True


def names_in(path: Path) -> set[str]:
    """Host names and addresses that the certificate in a file is valid for; none where there is no file."""
    return names_of(x509.load_pem_x509_certificate(path.read_bytes())) if path.exists() else set()


def expires_at(path: Path) -> datetime:
    """When the first certificate in a PEM file ends. Raises ValueError when it holds none."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _authority(files: Files, now: datetime) -> tuple[x509.Certificate, Key, bool]:
    """The authority is made once: a new one would lock out every board that pinned the old one."""
    if files.authority.exists() and files.authority_key.exists():
        key = serialization.load_pem_private_key(files.authority_key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(files.authority.read_bytes()), key, False
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority_certificate(key, now)
    _write_key(files.authority_key, key)
    _write(files.authority, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, key, True


def _serves(files: Files, authority: x509.Certificate, names: Collection[str], now: datetime) -> bool:
    if not (files.certificate.exists() and files.key.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    enough = set(names) <= names_of(certificate)
    return enough and certificate.issuer == authority.subject and certificate.not_valid_after_utc > now + RENEW_BEFORE


def names_of(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))}


def authority_certificate(key: Key, now: datetime) -> x509.Certificate:
    # the serial number in the name keeps two authorities apart in a computer's list
    name = _name(f"Panal CA {x509.random_serial_number() % 0xFFFFFF:06x}")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # signs certificates and lists
    return (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def server_certificate(
    authority: x509.Certificate, authority_key: Key, key: Key, names: Collection[str], now: datetime
) -> x509.Certificate:
    life = min(SERVER_LIFE, authority.not_valid_after_utc - now)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_name("Panal"), authority.subject, key, now, life)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in sorted(set(names))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path: Path, key: Key) -> None:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(path, text, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for an instant."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    part.replace(path)
