"""`panal tls init`, up to real handshakes by Python's OpenSSL and by MicroPython's mbedtls."""

import ipaddress
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from panal import certificates
from panal.cli import tls

NOW = datetime.now(UTC)
NAMES = {"localhost", "127.0.0.1", "panal.local"}
VM = Path(__file__).parents[3] / ".cache" / "micropython" / "micropython"


@pytest.fixture
def files(tmp_path: Path) -> certificates.Files:
    certificates.ensure(tmp_path / "tls", NAMES, NOW)
    return certificates.files_in(tmp_path / "tls")


@contextmanager
def tls_server(files: certificates.Files) -> Iterator[int]:
    """Echoes one message over TLS to everybody who trusts it; gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=echo_until_closed, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def echo_until_closed(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        with plain:
            try:
                with context.wrap_socket(plain, server_side=True) as peer:
                    peer.sendall(peer.recv(64))
            except OSError:
                pass  # a peer that does not trust us hangs up, as it should


def hear_echo(port: int, authority: Path, name: str) -> bytes:
    context = ssl.create_default_context(cafile=authority)
    plain = socket.create_connection(("127.0.0.1", port), 60)
    with plain, context.wrap_socket(plain, server_hostname=name) as connection:
        connection.sendall(b"hello")
        return connection.recv(64)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_python_trusts_the_server_under_each_of_its_names(files: certificates.Files, name: str) -> None:
    with tls_server(files) as port:
        assert hear_echo(port, files.authority, name) == b"hello"


def test_python_refuses_another_name(files: certificates.Files) -> None:
    with tls_server(files) as port, pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        hear_echo(port, files.authority, "elsewhere.local")


def test_python_refuses_a_server_of_another_authority(files: certificates.Files, tmp_path: Path) -> None:
    certificates.ensure(tmp_path / "other", NAMES, NOW)
    with tls_server(files) as port, pytest.raises(ssl.SSLCertVerificationError):
        hear_echo(port, tmp_path / "other" / "ca.pem", "localhost")


BOARD = """
import binascii, socket, sys, tls
port, authority, name = sys.argv[1:4]
lines = [line for line in open(authority).read().split("\\n") if line and not line.startswith("-")]
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_REQUIRED
context.load_verify_locations(binascii.a2b_base64("".join(lines)))
plain = socket.socket()
plain.connect(socket.getaddrinfo("127.0.0.1", int(port))[0][-1])
try:
    connection = context.wrap_socket(plain, server_hostname=name)
    connection.write(b"hello")
    print(connection.read(5).decode())
except ValueError as error:
    print("refused", error)
"""


@pytest.mark.parametrize(
    ("name", "heard"), [("localhost", "hello"), ("127.0.0.1", "hello"), ("elsewhere.local", "refused")]
)
def test_micropython_verifies_the_server_as_a_board_does(
    files: certificates.Files, tmp_path: Path, name: str, heard: str
) -> None:
    program = tmp_path / "board.py"
    program.write_text(BOARD)
    with tls_server(files) as port:
        command = [VM, "-X", "heapsize=100k", program, str(port), files.authority, name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith(heard), done


def test_keys_are_for_their_owner_only(files: certificates.Files) -> None:
    assert [path.stat().st_mode & 0o777 for path in files] == [0o644, 0o600, 0o644, 0o600]
    assert files.key.parent.stat().st_mode & 0o077 == 0


def test_a_second_time_changes_nothing(files: certificates.Files) -> None:
    before = [path.read_bytes() for path in files]
    assert certificates.ensure(files.key.parent, NAMES, NOW) is False
    assert [path.read_bytes() for path in files] == before


def test_a_new_name_makes_a_new_certificate_under_the_same_authority(files: certificates.Files) -> None:
    before = files.authority.read_bytes(), files.certificate.read_bytes()
    assert certificates.ensure(files.key.parent, {"10.1.2.3"}, NOW) is True
    assert files.authority.read_bytes() == before[0]
    assert files.certificate.read_bytes() != before[1]
    assert certificates.names_in(files.certificate) == NAMES | {"10.1.2.3"}


def test_a_certificate_is_renewed_before_it_ends(files: certificates.Files) -> None:
    ends = certificates.expires_at(files.certificate)
    assert certificates.ensure(files.key.parent, NAMES, ends - timedelta(days=61)) is False
    assert certificates.ensure(files.key.parent, NAMES, ends - timedelta(days=59)) is True
    assert certificates.expires_at(files.certificate) > ends


def test_the_authority_may_sign_servers_but_no_further_authority(files: certificates.Files) -> None:
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_with_the_authoritys_key_kept_offline_nothing_is_made_anew(files: certificates.Files) -> None:
    key, before = files.authority_key.read_bytes(), files.authority.read_bytes()
    files.authority_key.unlink()
    assert certificates.ensure(files.key.parent, NAMES, NOW) is False
    with pytest.raises(certificates.CertificatesError, match=r"bring ca\.key back to .* lock out every board"):
        certificates.ensure(files.key.parent, {"10.1.2.3"}, NOW)
    assert (files.authority.read_bytes(), files.authority_key.exists()) == (before, False)
    files.authority_key.write_bytes(key)
    assert certificates.ensure(files.key.parent, {"10.1.2.3"}, NOW) is True
    assert files.authority.read_bytes() == before


def test_a_servers_key_of_another_certificate_is_made_anew_with_it(files: certificates.Files, tmp_path: Path) -> None:
    certificates.ensure(tmp_path / "other", NAMES, NOW)
    files.key.write_bytes((tmp_path / "other" / "server.key").read_bytes())
    assert certificates.ensure(files.key.parent, NAMES, NOW) is True
    with tls_server(files) as port:
        assert hear_echo(port, files.authority, "localhost") == b"hello"


def test_an_authoritys_key_of_another_authority_is_refused(files: certificates.Files, tmp_path: Path) -> None:
    certificates.ensure(tmp_path / "other", NAMES, NOW)
    files.authority_key.write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    with pytest.raises(certificates.CertificatesError, match=r"ca\.key does not belong to ca\.pem"):
        certificates.ensure(files.key.parent, NAMES, NOW)


def test_an_authority_that_is_lost_is_not_replaced_behind_a_certificate(files: certificates.Files) -> None:
    files.authority.unlink()
    with pytest.raises(certificates.CertificatesError, match=r"bring ca\.pem and ca\.key back"):
        certificates.ensure(files.key.parent, NAMES, NOW)


def test_an_authority_that_has_ended_says_so(files: certificates.Files) -> None:
    ends = certificates.expires_at(files.authority)
    with pytest.raises(certificates.CertificatesError, match="ended on"):
        certificates.ensure(files.key.parent, NAMES, ends + timedelta(days=1))


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem"])
@pytest.mark.parametrize("content", [b"", b"-----BEGIN NOTHING-----\n"])
def test_init_says_which_file_is_broken(
    files: certificates.Files, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    broken = files.key.parent / name
    broken.write_bytes(content)
    monkeypatch.setenv("PANAL_DATA", str(broken.parent.parent))
    done = CliRunner().invoke(tls.app, ["init"])
    assert done.exit_code == 1
    assert done.output.startswith(f"panal: {broken} is not a ")


def test_init_refuses_a_file_in_place_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tls").touch()
    monkeypatch.setenv("PANAL_DATA", str(tmp_path))
    done = CliRunner().invoke(tls.app, ["init"])
    assert done.exit_code == 1
    assert done.output.startswith(f"panal: {tmp_path / 'tls'} cannot be used (")


def test_init_says_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANAL_DATA", str(tmp_path))
    done = CliRunner().invoke(tls.app, ["init", "--host", "Panal.Example.org", "--host", "10.9.8.7"])
    assert done.exit_code == 0, done.output
    assert f"--tls-cert {tmp_path / 'tls' / 'server.pem'}" in done.output
    assert {"panal.example.org", "10.9.8.7", "localhost"} <= certificates.names_in(tmp_path / "tls" / "server.pem")


@pytest.mark.parametrize("name", ["under_score", "with space", "", "a/b", "x" * 64])
def test_init_refuses_what_is_no_host_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PANAL_DATA", str(tmp_path))
    assert CliRunner().invoke(tls.app, ["init", "--host", name]).exit_code == 2
    assert not (tmp_path / "tls").exists()


def test_this_machine_is_known_by_its_addresses_but_not_by_link_local_ones() -> None:
    addresses = [name for name in tls.own_names() if ":" in name or name[0].isdigit()]
    assert "127.0.0.1" in addresses
    assert not any(ipaddress.ip_address(address).is_link_local for address in addresses)
