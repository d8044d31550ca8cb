"""Pages of boards of the older kind."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from panal.cells.lights import older
from panal.cells.lights.models import OlderBoard, OlderPush
from panal.cells.lights.rounds import Checked
from panal.control.store import DjangoStore
from panal.control.tests.pages import LANGUAGES, FormCases, PageCases, mistakes_in, text_of
from panal.gateway.store import Entry

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
SEERS = {"alice", "bob", "carla", "vera", "sam", "ada"}
OWNERS = {"alice", "ada"}


@pytest.fixture
def board(account, actor):
    found = older.add_board(account_id=account.pk, name="Patio", address="192.168.1.40", actor=actor).board
    older.add_light(board=found, room="Salón", name="Lámpara", actor=actor)
    return found


@pytest.fixture
def things(things, board):
    return {**things, "board": board.pk}


class TestBoards(PageCases):
    path, may, sees = "/lights/older/", EVERYBODY, EVERYBODY


class TestBoard(PageCases):
    path, may, sees = "/lights/older/{board}/", SEERS, SEERS


class TestMove(FormCases):
    path, may, sees, body = "/lights/older/{board}/move/", OWNERS, SEERS, {"address": "192.168.1.41"}


class TestRemove(FormCases):
    path, may, sees = "/lights/older/{board}/remove/", OWNERS, SEERS


class TestAddLight(FormCases):
    path, may, sees, body = "/lights/older/{board}/lights/", OWNERS, SEERS, {"room": "Salón", "name": "Techo"}


class TestRemoveLight(FormCases):
    path, may, sees = "/lights/older/{board}/lights/1/remove/", OWNERS, SEERS


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


@pytest.mark.usefixtures("db")
def test_an_owner_adds_a_board_and_its_token_is_shown_once(signed_in):
    fields = {"name": "Patio", "address": "192.168.1.40"}
    shown = text_of(signed_in.post("/lights/older/new/", fields))
    found = OlderBoard.objects.get()
    assert found.pk in shown
    assert found.place == "192.168.1.40"
    assert "8.8.8.8" not in text_of(signed_in.get("/lights/older/"))


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("address", ["8.8.8.8", "example.com", "127.0.0.1"])
def test_an_address_elsewhere_is_refused_on_the_form(address, signed_in):
    shown = text_of(
        signed_in.post("/lights/older/new/", {"name": "X", "address": address}, headers={"accept-language": "en"})
    )
    assert "An address of the local network is needed" in shown
    assert not OlderBoard.objects.exists()


def test_a_member_adds_none(client, bob):
    client.force_login(bob)
    assert client.get("/lights/older/new/").status_code == 403


def test_the_page_says_what_is_wrong_with_it(signed_in, board):
    for trouble in ("garbage", "endless"):
        DjangoStore().commit([Entry("lights.older_checked", Checked(board.pk, 1_790_000_000_000, trouble))])
    shown = text_of(signed_in.get(f"/lights/older/{board.pk}/", headers={"accept-language": "en"}))
    assert "Its answer had no end" in shown and "Offline" in shown


def test_firmware_is_taken_and_shown_with_its_progress(signed_in, board):
    file = SimpleUploadedFile("mine.bin", b"image")
    signed_in.post(f"/lights/older/{board.pk}/push/", {"name": "spiffs.bin", "file": file})
    push = OlderPush.objects.get()
    assert (push.name, bytes(push.data)) == ("spiffs.bin", b"image")
    assert "<progress" in signed_in.get(f"/lights/older/{board.pk}/").content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/lights/older/", "/lights/older/new/", "/lights/older/{board}/"])
def test_the_html_is_whole(path, language, signed_in, board):
    response = signed_in.get(path.format(board=board.pk), headers={"accept-language": language})
    assert response.status_code == 200 and not mistakes_in(response.content.decode())
