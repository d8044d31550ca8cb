"""What a setting may be: a value that does not fit stops the start with one sentence."""

from pathlib import Path

import pytest

from panal.settings import TABLE, SettingsError, load


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("PANAL_TELEMETRY_RAW_DAYS", "nan", "'nan' is not a number."),
        ("PANAL_TELEMETRY_RAW_DAYS", "inf", "'inf' is not a number."),
        ("PANAL_TELEMETRY_RAW_DAYS", "1e300", "1e300 is more than 36500."),
        ("PANAL_LOG_DAYS", "1e12", "1e12 is more than 36500."),
        ("PANAL_TIME_ZONE", "Europe/Atlantis", "'Europe/Atlantis' is not a time zone as Europe/Madrid."),
        ("PANAL_TIME_ZONE", "Europe", "'Europe' is not a time zone as Europe/Madrid."),
        ("PANAL_TIME_ZONE", "../etc/passwd", "'../etc/passwd' is not a time zone as Europe/Madrid."),
        ("PANAL_HTTP_ALIASES", "8000,many", "'8000,many' is not a list of ports as 8000,8080."),
        ("PANAL_HTTP_ALIASES", "8000,70000", "'8000,70000' is not a list of ports as 8000,8080."),
        ("PANAL_PUBLIC_URL", "panal.example", "'panal.example' is not an address as https://panal.example.org."),
        ("PANAL_PUBLIC_URL", "https://", "'https://' is not an address as https://panal.example.org."),
        ("PANAL_PUBLIC_URL", "http://a:b", "'http://a:b' is not an address as https://panal.example.org."),
        ("PANAL_TRUSTED_PROXIES", "10.0.0.1,proxy", "is not a list of addresses and networks as"),
        ("PANAL_OLDER_NETWORKS", "10.0.0.0/33", "is not a list of networks as 10.0.0.0/8,fc00::/7."),
        ("PANAL_OLDER_NETWORKS", "*", "is not a list of networks as 10.0.0.0/8,fc00::/7."),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(name, text, sentence):
    with pytest.raises(SettingsError) as refused:
        load({name: text})
    assert str(refused.value).startswith(f"{name}: ")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PANAL_TELEMETRY_RAW_DAYS", "36500"),
        ("PANAL_TIME_ZONE", "America/Argentina/Buenos_Aires"),
        ("PANAL_HTTP_ALIASES", "8000, 8080,"),
        ("PANAL_PUBLIC_URL", "http://[::1]:6971/panal/"),
        ("PANAL_TRUSTED_PROXIES", "127.0.0.1, ::1, 10.0.0.0/8"),
        ("PANAL_TRUSTED_PROXIES", "*"),
        ("PANAL_OLDER_NETWORKS", "192.168.1.7"),
    ],
)
def test_what_fits_is_taken(name, text):
    assert load({name: text})


def test_no_number_is_without_bounds():
    numbers = [setting for setting in TABLE if setting.type in (int, float)]
    assert not [setting.name for setting in numbers if setting.minimum is None or setting.maximum is None]


def test_every_default_fits():
    for setting in TABLE:
        if setting.default not in (None, ""):
            assert load({setting.name: str(setting.default)}), setting.name


def test_no_network_at_all_can_be_said():
    assert load({"PANAL_OLDER_NETWORKS": ""}).older_networks == ""
    assert load({}).older_networks != ""


def test_the_page_of_settings_writes_whole_numbers_whole():
    page = (Path(__file__).parents[3] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert "| `PANAL_MAX_FRAME_SIZE` | whole number from 10240 to 67108864 |" in page
    assert "| `PANAL_LOG_DAYS` | number from 0.01 to 36500 |" in page
