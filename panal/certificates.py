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
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=825)  # the most that Apple's devices accept, also from a private authority
RENEW_BEFORE = timedelta(days=60)
BACKDATED = timedelta(days=1)  # for boards and computers whose clock is a little behind

Key = ec.EllipticCurvePrivateKey


class CertificatesError(Exception):
    """Certificates that cannot be made or renewed; the text is for the operator."""


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
    if not files.authority.exists():
        _make_authority(files, now)
    authority = _certificate_in(files.authority)
    authority_key = _authority_key(files, authority)
    if _serves(files, authority, names, now):
        return False
    if authority_key is None:
        raise CertificatesError(
            f"The server's certificate must be made anew: bring {files.authority_key.name} back to {folder};"
            f" a new authority would lock out every board that pins {files.authority.name}."
        )
    if authority.not_valid_after_utc <= now:
        raise CertificatesError(
            f"{files.authority} ended on {authority.not_valid_after_utc:%Y-%m-%d}: move {folder} away, run this again,"
            " and give the new authority to every board."
        )
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = server_certificate(authority, authority_key, key, {*names, *names_in(files.certificate)}, now)
    _write_key(files.key, key)
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return True


def names_in(path: Path) -> set[str]:
    """Host names and addresses that the certificate in a file is valid for; none where there is no file."""
    return names_of(_certificate_in(path)) if path.exists() else set()


def expires_at(path: Path) -> datetime:
    """When the first certificate in a PEM file ends. Raises ValueError when it holds none."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _make_authority(files: Files, now: datetime) -> None:
    """The authority is made once: a new one would lock out every board that pinned the old one."""
    if files.certificate.exists():
        raise CertificatesError(
            f"There is {files.certificate} but not the authority that signed it: bring {files.authority.name} and"
            f" {files.authority_key.name} back, or move {files.certificate} away for a new authority."
        )
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority_certificate(key, now)
    _write_key(files.authority_key, key)
    _write(files.authority, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _authority_key(files: Files, authority: x509.Certificate) -> Key | None:
    """None where it is kept elsewhere."""
    if not files.authority_key.exists():
        return None
    key = _key_in(files.authority_key)
    if key is None:
        raise CertificatesError(f"{files.authority_key} is not a private key: restore it from where you keep a copy.")
    if key.public_key() != authority.public_key():
        raise CertificatesError(
            f"{files.authority_key} does not belong to {files.authority.name}: bring back the two that belong together."
        )
    return key


def _certificate_in(path: Path, or_else: str = "") -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise CertificatesError(
            f"{path} is not a certificate: restore it from where you keep a copy{or_else}."
        ) from None


def _key_in(path: Path) -> Key | None:
    """None where the file holds no key of our kind."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is locked with a password
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _serves(files: Files, authority: x509.Certificate, names: Collection[str], now: datetime) -> bool:
    if not files.certificate.exists():
        return False
    certificate = _certificate_in(files.certificate, ", or remove it and run this again")
    key = _key_in(files.key) if files.key.exists() else None
    if key is None or key.public_key() != certificate.public_key():
        return False
    enough = set(names) <= names_of(certificate)
    return enough and _signed(certificate, authority) and certificate.not_valid_after_utc > now + RENEW_BEFORE


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def names_of(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
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
