"""Every topic, subject and path of the wire, built and parsed in this one place.

MQTT `panal/<id>/up/<leaf>` is NATS subject `panal.<id>.up.<leaf>` (docs/wire/mqtt.md). HTTP paths
(docs/wire/devices-http.md) exist below both prefixes: boards in the field were flashed with the short one.
"""

HTTP_PREFIXES = ("/api/v1/", "/api/")

HEARTBEAT = "devices/heartbeat"
REGISTER = "devices/register"
INGEST = "events/ingest"
SAMPLES = "events/samples"
UPDATES = "updates/"

MAX_ID = 32
ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def is_device_id(text):
    """Whether the text can be a device id: 1 to 32 letters, digits, `_` or `-`; so it is safe in a topic and a path."""
    return isinstance(text, str) and 0 < len(text) <= MAX_ID and all(letter in ID_LETTERS for letter in text)


def up(device_id, leaf):
    """MQTT topic on which a board speaks."""
    return "panal/" + device_id + "/up/" + leaf


def down(device_id, leaf):
    """MQTT topic on which a board listens; leaf `#` for the subscription."""
    return "panal/" + device_id + "/down/" + leaf


def parse(topic):
    """(device_id, "up" or "down", leaf) of an MQTT topic, or None for one that is not ours."""
    return _parse(topic.split("/"))


def up_subject(device_id, leaf):
    """NATS subject on which a board's words arrive; `*` and `>` make a subscription."""
    return "panal." + device_id + ".up." + leaf


def down_subject(device_id, leaf):
    """NATS subject that reaches one board."""
    return "panal." + device_id + ".down." + leaf


def parse_subject(subject):
    """As `parse`, for a NATS subject."""
    return _parse(subject.split("."))


def _parse(parts):
    if len(parts) != 4 or parts[0] != "panal" or parts[2] not in ("up", "down") or not is_device_id(parts[1]):
        return None
    return parts[1], parts[2], parts[3]


def commands_path(device_id):
    """HTTP: open commands of a device, long-polled."""
    return "devices/" + device_id + "/commands"


def answer_path(command_id):
    """HTTP: the one answer to a command."""
    return "commands/" + command_id + "/answer"


def desired_path(device_id):
    return "devices/" + device_id + "/desired"


def reported_path(device_id):
    return "devices/" + device_id + "/reported"


def next_update_path(version, board):
    """HTTP: what a board that runs this version should run; 204: what it runs."""
    return UPDATES + "next?version=" + version + "&board=" + board


def artifact_path(sha256):
    """HTTP: the bytes of an artifact, with Range."""
    return UPDATES + "artifacts/" + sha256


def progress_path(update_id):
    """HTTP: how far a board's update is."""
    return UPDATES + update_id + "/progress"
