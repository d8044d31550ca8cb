"""panal.ini: a few settings under the names of the older camera server."""

import pytest

from panal.settings import KEYS, NAMES, SettingsError, load


@pytest.fixture
def loaded(tmp_path):
    """The settings with this text in panal.ini and these variables."""

    def read(text, **environ):
        path = tmp_path / "panal.ini"
        path.write_text(text)
        return load({"PANAL_INI": str(path), **environ})

    return read


def test_it_sets_what_the_environment_does_not(loaded):
    text = "[server]\nhttp_port = 7000\nws_port = 7001\n[images]\nauto_save = yes\nimages_dir = /srv/pictures\n"
    found = loaded(text, PANAL_HTTP_PORT="7500")
    assert (found.http_port, found.stream_port, found.images_auto_save) == (7500, 7001, True)
    assert str(found.images_path) == "/srv/pictures"


def test_an_empty_variable_does_not_win(loaded):
    assert loaded("[camera]\ndefault_fps = 9\n", PANAL_CAMERA_FPS="").camera_fps == 9


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[server]\nhttp_prt = 1\n", "[server] http_prt is not a setting"),
        ("[toaster]\nhost = x\n", "[toaster] host is not a setting"),
        ("[server]\nhttp_port = many\n", "[server] http_port: 'many' is not a whole number"),
        ("[camera]\ndefault_resolution = 13\n", "[camera] default_resolution: 13 is more than 12"),
        ("[logging]\nlevel = LOUD\n", "[logging] level: 'LOUD' is not one of"),
        ("host = x\n", "cannot be read"),
    ],
)
def test_what_is_wrong_in_it_is_said_with_its_place(loaded, text, sentence):
    with pytest.raises(SettingsError) as caught:
        loaded(text)
    assert sentence in str(caught.value)


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match="there is no"):
        load({"PANAL_INI": str(tmp_path / "none.ini")})


def test_it_lies_in_the_working_folder_and_need_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load().max_frame_size == 5 * 1024 * 1024
    (tmp_path / "panal.ini").write_text("[server]\nmax_frame_size = 65536\n")
    assert load().max_frame_size == 65536


def test_every_key_is_a_setting():
    assert set(KEYS.values()) <= set(NAMES)
