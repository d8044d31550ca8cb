"""Every setting of the server in one table: read by both planes, from the environment.

A secret may be given as NAME_FILE, the path of a file that holds it. A few may stand in `panal.ini` instead, under the
names that the older camera server had; the environment wins. An unknown PANAL_ variable, an unknown key or a bad value
stops the start with one sentence. docs/settings.md is generated from this table and a test compares them.
"""

import configparser
import ipaddress
import math
import os
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A setting that cannot be used; the text is for the operator and says what to do."""


@dataclass(frozen=True)
class Setting:
    name: str
    type: type
    default: Any
    help: str
    secret: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    fits: Callable[[str], bool] | None = None
    """Whether a text can be used; it may raise ValueError instead of False."""
    shape: str = ""
    """What a text that fits is, as the refusal says it."""
    may_be_empty: bool = False
    """Given and empty it is empty, not the default."""


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _are_ports(text: str) -> bool:
    return all(part.isascii() and part.isdecimal() and 1 <= int(part) <= 65535 for part in _parts(text))


def _are_networks(text: str) -> bool:
    return all(ipaddress.ip_network(part) for part in _parts(text))


def _are_proxies(text: str) -> bool:
    return all(part == "*" or ipaddress.ip_network(part) for part in _parts(text))


def _is_web_address(text: str) -> bool:
    parts = urlsplit(text)
    return text.startswith(("https://", "http://")) and bool(parts.hostname) and parts.port != 0


def _is_zone(text: str) -> bool:
    try:
        return bool(zoneinfo.ZoneInfo(text))
    except (zoneinfo.ZoneInfoNotFoundError, OSError):  # OSError: a folder of zones, as Europe
        return False


PORT: Any = {"minimum": 0, "maximum": 65535}
DAYS: Any = {"minimum": 0.01, "maximum": 36_500}  # the past of a hundred years is still a date
MANY = 1_000_000_000

TABLE = (
    Setting("PANAL_DATA", Path, Path("data"), "Folder of everything the server keeps: database, broker's store, keys."),
    Setting("PANAL_HOST", str, "0.0.0.0", "Address that the ports listen on."),  # noqa: S104  boards come from the network
    Setting("PANAL_HTTP_PORT", int, 6971, "Pages, REST, device HTTP API. 0 takes a free one.", **PORT),
    Setting("PANAL_STREAM_PORT", int, 6972, "Streams over WebSocket. 0 takes a free one.", **PORT),
    Setting("PANAL_MQTT_PORT", int, 1883, "MQTT; with TLS the usual port is 8883. 0 takes a free one.", **PORT),
    Setting("PANAL_MQTT_WS_PORT", int, 0, "MQTT over WebSocket; 0 leaves it closed.", **PORT),
    Setting(
        "PANAL_HTTP_ALIASES",
        str,
        "",
        "More HTTP ports, comma-separated, for boards in the field (8000).",
        fits=_are_ports,
        shape="a list of ports as 8000,8080",
    ),
    Setting("PANAL_TLS_CERT", Path, None, "Certificate chain (PEM) for all three ports."),
    Setting("PANAL_TLS_KEY", Path, None, "Its private key (PEM)."),
    Setting("PANAL_PLAIN_PUBLIC", bool, False, "Let devices talk without TLS from public addresses too."),
    Setting("PANAL_NATS_URL", str, "", "An existing NATS server or cluster; empty starts our own."),
    Setting("PANAL_NATS_USER", str, "server", "User of the account at that NATS."),
    Setting("PANAL_NATS_PASSWORD", str, "", "Its password.", secret=True),
    Setting("PANAL_NATS_SYS_USER", str, "sys", "User of the system account at that NATS (presence)."),
    Setting("PANAL_NATS_SYS_PASSWORD", str, "", "Its password.", secret=True),
    Setting(
        "PANAL_NATS_ISSUER_SEED", str, "", "nkey seed (SA…) that signs device permissions (auth callout).", secret=True
    ),
    Setting("PANAL_NATS_ACCOUNT", str, "PANAL", "Account that devices are placed in."),
    Setting("DATABASE_URL", str, "", "postgres://…; empty keeps SQLite in the data folder.", secret=True),
    Setting(
        "PANAL_SECRET_KEY", str, "", "Signs sessions; empty makes one and keeps it in the data folder.", secret=True
    ),
    Setting(
        "PANAL_VAULT_KEY", str, "", "Encrypts device tokens at rest; empty makes one in the data folder.", secret=True
    ),
    Setting(
        "PANAL_PUBLIC_URL",
        str,
        "",
        "Address people and boards use, for links; empty takes the request's.",
        fits=_is_web_address,
        shape="an address as https://panal.example.org",
    ),
    Setting(
        "PANAL_TRUSTED_PROXIES",
        str,
        "127.0.0.1,::1",
        "Reverse proxies whose X-Forwarded headers count.",
        fits=_are_proxies,
        shape="a list of addresses and networks as 127.0.0.1,10.0.0.0/8, or *",
    ),
    Setting("PANAL_ALLOWED_HOSTS", str, "*", "Host names the pages answer to, comma-separated."),
    Setting("PANAL_LANGUAGE", str, "es", "Language where a person has not chosen one.", choices=("es", "en")),
    Setting(
        "PANAL_TIME_ZONE",
        str,
        "UTC",
        "Time zone where a person has not chosen one.",
        fits=_is_zone,
        shape="a time zone as Europe/Madrid",
    ),
    Setting(
        "PANAL_EMAIL_URL",
        str,
        "",
        "smtp://user:password@host:port for mail, with PANAL_PUBLIC_URL; empty prints mail to the log.",
        secret=True,
    ),
    Setting("PANAL_EMAIL_FROM", str, "panal@localhost", "Sender of mail."),
    Setting(
        "PANAL_OFFLINE_GRACE_S",
        int,
        600,
        "Seconds that a device may be silent before people are told; until then it is only late.",
        minimum=10,
        maximum=7 * 86400,
    ),
    Setting(
        "PANAL_ALERTS_PRIVATE",
        bool,
        False,
        "Let webhooks, ntfy and other channels of alerts go to this machine and to private addresses.",
    ),
    Setting(
        "PANAL_OLDER_NETWORKS",
        str,
        "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7",
        "Networks in which boards of lights of the older kind may be called; empty: none is.",
        fits=_are_networks,
        shape="a list of networks as 10.0.0.0/8,fc00::/7",
        may_be_empty=True,
    ),
    Setting(
        "PANAL_DISK_MIN_MB",
        int,
        200,
        "With less room for its data the server says it is not well.",
        minimum=0,
        maximum=MANY,
    ),
    Setting("PANAL_WORKERS", int, 8, "Threads that answer pages.", minimum=1, maximum=64),
    Setting(
        "PANAL_HEARTBEAT_S", int, 120, "How often devices are asked to give a sign of life.", minimum=5, maximum=86400
    ),
    Setting("PANAL_RATE_DEVICE_PER_MIN", int, 600, "Messages a minute taken from one device.", minimum=1, maximum=MANY),
    Setting(
        "PANAL_RATE_ADDRESS_PER_MIN", int, 6000, "Requests a minute taken from one address.", minimum=1, maximum=MANY
    ),
    Setting(
        "PANAL_MAX_FRAME_SIZE",
        int,
        5 * 1024 * 1024,
        "Bytes of one frame of a camera at most.",
        minimum=10_240,
        maximum=64 * 1024 * 1024,
    ),
    Setting(
        "PANAL_LEGACY_CAMERA",
        str,
        "",
        "Device id that a camera without id and token is taken for, from private"
        " addresses only; viewers of the older kind may then look without a token.",
    ),
    Setting(
        "PANAL_CAMERA_RESOLUTION",
        int,
        None,
        "Resolution (0 to 12) of cameras that nobody has set; empty leaves it to the board.",
        minimum=0,
        maximum=12,
    ),
    Setting("PANAL_CAMERA_QUALITY", int, None, "Its quality (5 to 63, lower is better).", minimum=5, maximum=63),
    Setting("PANAL_CAMERA_FPS", int, None, "Its frames a second (1 to 30).", minimum=1, maximum=30),
    Setting("PANAL_IMAGES_AUTO_SAVE", bool, False, "Save pictures of cameras by themselves where nobody has set it."),
    Setting("PANAL_IMAGES_DIR", Path, None, "Folder of saved pictures; empty takes `images` in the data folder."),
    Setting(
        "PANAL_IMAGES_MAX_PER_HOUR",
        int,
        1000,
        "Pictures that a camera saves by itself in an hour, where nobody has set it.",
        minimum=1,
        maximum=100_000,
    ),
    Setting("PANAL_LOG_LEVEL", str, "INFO", "How much is logged.", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
    Setting("PANAL_LOG_FILE", Path, None, "File that the log goes to; empty takes the error output."),
    Setting("PANAL_INI", Path, None, "Another place of `panal.ini`; empty looks in the working folder."),
    Setting("PANAL_TELEMETRY_RAW_DAYS", float, 7.0, "Days that raw telemetry is kept.", **DAYS),
    Setting("PANAL_TELEMETRY_5MIN_DAYS", float, 90.0, "Days that 5-minute telemetry is kept.", **DAYS),
    Setting("PANAL_TELEMETRY_HOURLY_DAYS", float, 1825.0, "Days that hourly telemetry is kept.", **DAYS),
    Setting("PANAL_LOG_DAYS", float, 30.0, "Days that devices' log lines are kept.", **DAYS),
    Setting(
        "PANAL_CARE_SAMPLES_DAYS",
        float,
        365.0,
        "Days that motion around events is kept; two where its wearer has not agreed to more.",
        **DAYS,
    ),
    Setting(
        "PANAL_LEGACY_ACCESS",
        str,
        "",
        "Device id of one older access controller, which may use iot/telemetry and iot/commands without a name.",
    ),
    Setting("PANAL_BENCH", bool, False, "Show the bench page of virtual devices (panal demo turns it on)."),
    Setting("PANAL_DEBUG", bool, False, "Django's debug pages: for developers only."),
)
NAMES = {setting.name: setting for setting in TABLE}

INI = "panal.ini"
KEYS = {
    ("server", "host"): "PANAL_HOST",
    ("server", "http_port"): "PANAL_HTTP_PORT",
    ("server", "ws_port"): "PANAL_STREAM_PORT",
    ("server", "max_frame_size"): "PANAL_MAX_FRAME_SIZE",
    ("camera", "default_resolution"): "PANAL_CAMERA_RESOLUTION",
    ("camera", "default_quality"): "PANAL_CAMERA_QUALITY",
    ("camera", "default_fps"): "PANAL_CAMERA_FPS",
    ("images", "auto_save"): "PANAL_IMAGES_AUTO_SAVE",
    ("images", "images_dir"): "PANAL_IMAGES_DIR",
    ("images", "max_images_per_hour"): "PANAL_IMAGES_MAX_PER_HOUR",
    ("logging", "level"): "PANAL_LOG_LEVEL",
    ("logging", "file"): "PANAL_LOG_FILE",
}
"""What may stand in panal.ini: (section, key) → the setting that it is."""


@dataclass(frozen=True)
class Settings:
    """The settings of one run; attribute names are the variables' names in lower case without `PANAL_`."""

    values: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None

    @cached_property
    def sqlite_path(self) -> Path:
        return Path(self.data) / "panal.sqlite3"

    @cached_property
    def images_path(self) -> Path:
        return Path(self.images_dir or Path(self.data) / "images").absolute()

    @property
    def http_alias_ports(self) -> list[int]:
        return [int(part) for part in _parts(self.http_aliases)]

    @property
    def tls(self) -> bool:
        return self.tls_cert is not None


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment and panal.ini. Raises SettingsError with a sentence for the operator."""
    default = INI if environ is None else ""
    environ = os.environ if environ is None else environ
    _refuse_unknown(environ)
    if path := environ.get("PANAL_INI") or default:
        given = {name: text for name, text in environ.items() if text}
        environ = {**_from_file(Path(path), must_exist=path != default), **given}
    values = {_attribute(s.name): _value(s, environ) for s in TABLE}
    if (values["tls_cert"] is None) != (values["tls_key"] is None):
        raise SettingsError("PANAL_TLS_CERT and PANAL_TLS_KEY go together: give both or neither.")
    if values["email_url"] and not values["public_url"] and values["allowed_hosts"] == "*":
        # links in mail would lead to whatever host somebody claims who asks for mail to another person
        raise SettingsError("PANAL_EMAIL_URL needs PANAL_PUBLIC_URL (or PANAL_ALLOWED_HOSTS) for the links in mail.")
    return Settings(values)


def _from_file(path: Path, *, must_exist: bool) -> dict[str, str]:
    """What panal.ini sets, by the names of the environment; each value is checked here, where its key is known."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(f"PANAL_INI: there is no {path}.") from None
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise SettingsError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    found = {}
    for section in parser.sections():
        for key, text in parser.items(section):
            name = KEYS.get((section, key))
            if name is None:
                raise SettingsError(f"{path}: [{section}] {key} is not a setting. docs/settings.md lists them all.")
            found[name] = _checked(NAMES[name], text.strip(), f"{path}: [{section}] {key}")
    return found


def _checked(setting: Setting, text: str, where: str) -> str:
    try:
        _parse(setting, text)
    except SettingsError as error:
        raise SettingsError(str(error).replace(setting.name, where)) from None
    return text


def _attribute(name: str) -> str:
    return name.removeprefix("PANAL_").lower()


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    for name in environ:
        if name.startswith("PANAL_") and name not in NAMES and not _is_file_of_secret(name):
            raise SettingsError(f"{name} is not a setting of Panal. docs/settings.md lists them all.")


def _is_file_of_secret(name: str) -> bool:
    return name.endswith("_FILE") and name[:-5] in NAMES and NAMES[name[:-5]].secret


def _value(setting: Setting, environ: Mapping[str, str]) -> Any:
    text = environ.get(setting.name, "")
    if setting.secret and not text and (path := environ.get(setting.name + "_FILE")):
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{setting.name}_FILE: {path} cannot be read ({error.strerror}).") from None
    if not text and not (setting.may_be_empty and setting.name in environ):
        return setting.default
    return _parse(setting, text)


def _parse(setting: Setting, text: str) -> Any:
    try:
        value = READERS.get(setting.type, setting.type)(text)
    except ValueError:
        raise SettingsError(f"{setting.name}: {text!r} is not {_article(setting.type)}.") from None
    if setting.choices and value not in setting.choices:
        raise SettingsError(f"{setting.name}: {text!r} is not one of {', '.join(setting.choices)}.")
    if setting.minimum is not None and value < setting.minimum:
        raise SettingsError(f"{setting.name}: {text} is less than {setting.minimum}.")
    if setting.maximum is not None and value > setting.maximum:
        raise SettingsError(f"{setting.name}: {text} is more than {setting.maximum}.")
    if setting.fits and not _fits(setting.fits, text):
        raise SettingsError(f"{setting.name}: {text!r} is not {setting.shape}.")
    return value


def _fits(fits: Callable[[str], bool], text: str) -> bool:
    try:
        return fits(text)
    except ValueError:
        return False


def _bool(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ValueError(text)


def _number(text: str) -> float:
    """A `nan` is neither less than the least nor more than the most."""
    if not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


READERS: Mapping[type, Callable[[str], Any]] = {bool: _bool, float: _number}


def _article(kind: type) -> str:
    return {int: "a whole number", float: "a number", bool: "yes or no"}.get(kind, "a text")
