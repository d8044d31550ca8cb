"""The operator's commands for updates: a key that stays private, and a release that a board believes."""

import stat

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from typer.testing import CliRunner

from panal.cells.updates import messages
from panal.cells.updates.models import Release, ReleaseKey
from panal.cli import updates
from panal.settings import load


@pytest.fixture
def panal(monkeypatch, tmp_path):
    """Runs `panal updates …` in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(updates, "django_with", lambda **_: load())
    return lambda *words, **more: CliRunner().invoke(updates.app, [str(word) for word in words], **more)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"a whole image" * 500)
    return path


def build(panal, image, *more):
    return panal("build", "--board", "wearable-1", "--version", "2.0.0", "--image", image, *more)


def test_the_private_key_is_for_its_owner_only_and_never_written_over(panal, tmp_path):
    assert panal("key", "--no-encrypt").exit_code == 0
    assert stat.S_IMODE((tmp_path / "update-key.pem").stat().st_mode) == 0o600
    before = (tmp_path / "update-key.pem").read_bytes()
    again = panal("key", "--no-encrypt")
    assert (again.exit_code, "exists already" in again.output) == (1, True)
    assert (tmp_path / "update-key.pem").read_bytes() == before
    assert b"PRIVATE" not in (tmp_path / "update-key.pub").read_bytes()


def test_a_password_locks_it(panal, tmp_path, monkeypatch, image):
    monkeypatch.setenv(updates.PASSWORD, "correct horse")
    assert panal("key").exit_code == 0
    pem = (tmp_path / "update-key.pem").read_bytes()
    assert load_pem_private_key(pem, b"correct horse").key_size == 3072
    assert build(panal, image).exit_code == 0
    monkeypatch.setenv(updates.PASSWORD, "wrong")
    done = build(panal, image)
    assert (done.exit_code, "password is another one" in done.output) == (1, True)


def test_without_a_password_and_without_a_terminal_nothing_is_made(panal, tmp_path, monkeypatch):
    monkeypatch.delenv(updates.PASSWORD, raising=False)
    assert panal("key").exit_code == 1
    assert not list(tmp_path.iterdir())


def test_what_it_builds_is_signed_as_a_board_checks_it(panal, tmp_path, image):
    panal("key", "--no-encrypt")
    assert build(panal, image, "--security-version", "3").exit_code == 0
    manifest, begin = messages.parse_release((tmp_path / "wearable-1-2.0.0.panal").read_bytes())
    modulus = load_pem_public_key((tmp_path / "update-key.pub").read_bytes()).public_numbers().n
    assert messages.is_signed(manifest, modulus.to_bytes(messages.SIGNATURE_BYTES, "big"))
    assert (manifest.security_version, manifest.kind, begin > 0) == (3, "image", True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--board", "toaster-1", "--version", "1"], "is not one of"),
        (["--board", "wearable-1", "--version", "1 2"], "letters, digits"),
        (["--board", "wearable-1", "--version", "1", "--key", "none.pem"], "There is no key"),
        (["--board", "wearable-1", "--version", "1", "--key", "update-key.pub"], "no private key"),
    ],
)
def test_what_cannot_be_built_is_said(panal, image, words, sentence):
    panal("key", "--no-encrypt")
    done = panal("build", "--image", image, *words)
    assert (done.exit_code, sentence in done.output) == (1, True), done.output


def test_a_release_goes_to_the_server_that_trusts_its_key(panal, db, image, tmp_path, settings):
    panal("key", "--no-encrypt")
    build(panal, image)
    refused = panal("release", "wearable-1-2.0.0.panal")
    assert (refused.exit_code, "none of the operator's keys" in refused.output) == (1, True)
    assert panal("trust", "update-key.pub").exit_code == 0
    done = panal("release", "wearable-1-2.0.0.panal", "--notes", "Nuevo")
    assert done.exit_code == 0, done.output
    assert Release.objects.get().state == "released" and ReleaseKey.objects.get().name == "update-key"
    lost = panal("release", "wearable-1-2.0.0.panal", "--draft", "--to", "WEAR2345")
    assert (lost.exit_code, "leave out" in lost.output) == (1, True)
