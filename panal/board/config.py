"""What this board is and whom it talks to: `config.json` on flash, written at the factory.

| name | meaning |
|---|---|
| device_id | of this board; empty: `ESP32-` and 12 hex digits of the factory MAC |
| token | 64 hex digits; on a real board it lies in NVS and not here |
| model | which description in panal/board/boards it is built by |
| transport | `mqtt`, `http`, or `ws` for a WebSocket where nothing else passes |
| server | `http://host:port` or `https://host:port` |
| mqtt | `host:port` of the broker; empty: the server's host, 1883, or 8883 with TLS |
| stream | `host:port` of the stream port, for cameras and `ws`; empty: the server's host, 6972 |
| ca | file with the CA (PEM) that is trusted, and with it TLS; empty: plain text |
| tls_name | the name in the server's certificate where it is not its address |
| plain_public | true lets plain text go to public addresses |
| heartbeat_s | sign of life where the server does not ask for another interval |
| command_wait_s | how long an HTTP board's request for commands waits; 0 asks only when told that some wait |
| ntp | time server; an address spares a lookup of its name, which blocks the board; empty asks nobody |
| cells | which cells it runs; empty: those of its model |
| buzzer | true where one is fitted: a wearer then has a countdown in which a press takes a fall back |
| display | of a board of lights: `lcd1602` or `ili9342`; empty: none is fitted |
| access_point | name of its access point; empty: the model's prefix and the device id |
"""

import json

from panal.protocol import topics

DEFAULTS = (
    ("device_id", ""),
    ("token", ""),
    ("model", ""),
    ("transport", "mqtt"),
    ("server", ""),
    ("mqtt", ""),
    ("stream", ""),
    ("ca", ""),
    ("tls_name", ""),
    ("plain_public", False),
    ("heartbeat_s", 120),
    ("command_wait_s", 25),
    ("ntp", "pool.ntp.org"),
    ("cells", ()),
    ("buzzer", False),
    ("display", ""),
    ("access_point", ""),
)


class BadConfig(Exception):
    """The text says which value is wrong."""


def load(path, mac, secret):
    """The configuration as a dict with every name of the table.

    `mac` is the board's, 6 bytes; `secret(name)` what the factory wrote under the name into NVS, or "".
    """
    try:
        with open(path) as file:
            given = json.load(file)
        given["token"] = secret("token") or given.get("token")
        return parse(given, mac)
    except OSError:
        raise BadConfig(path + " is missing")
    except ValueError:
        raise BadConfig(path + " is not JSON")


def parse(given, mac):
    config = {name: given.get(name, default) for name, default in DEFAULTS}
    config["device_id"] = config["device_id"] or "ESP32-" + "".join(["%02X" % byte for byte in mac])
    token = config["token"]
    checks = (
        ("device_id", topics.is_device_id(config["device_id"])),
        ("token", isinstance(token, str) and len(token) == 64 and all(digit in "0123456789abcdef" for digit in token)),
        ("transport", config["transport"] in ("mqtt", "http", "ws")),
        ("server", config["server"].startswith("http://") or config["server"].startswith("https://")),
        ("heartbeat_s", isinstance(config["heartbeat_s"], int) and config["heartbeat_s"] > 0),
        ("ca", bool(config["ca"]) or not config["server"].startswith("https://")),
    )
    for name, is_good in checks:
        if not is_good:
            raise BadConfig("config: bad " + name)
    return config
