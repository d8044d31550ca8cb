"""Fields of a parsed document, checked while they are taken out: every failure is a BadRequest that names its field."""

from panal.protocol.errors import BadRequest

MAX_TEXT = 255


def bad(field: str, message: str) -> BadRequest:
    return BadRequest("bad_field", message, field)


def missing(field: str) -> BadRequest:
    return BadRequest("missing_field", field + " is required", field)


def text(document: dict, field: str, most: int = MAX_TEXT) -> str | None:
    """The text in `field`; None where it is absent or null."""
    value = document.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad(field, "a text is expected")
    if len(value) > most:
        raise bad(field, "at most %d characters" % most)
    return value


def needed_text(document: dict, field: str, most: int = MAX_TEXT) -> str:
    value = text(document, field, most)
    if not value:
        raise missing(field)
    return value


def number(document: dict, field: str, least: float, most: float):
    """The number in `field`, between both bounds; None where it is absent or null."""
    value = document.get(field)
    if value is None:
        return None
    if value is True or value is False or not isinstance(value, (int, float)):
        raise bad(field, "a number is expected")
    if not least <= value <= most:  # NaN fails here too
        raise bad(field, "between %s and %s" % (least, most))
    return value


def whole(document: dict, field: str, least: int, most: int) -> int | None:
    """As `number`; a fraction is refused."""
    value = number(document, field, least, most)
    if value is not None and value != int(value):
        raise bad(field, "a whole number is expected")
    return None if value is None else int(value)


def needed_whole(document: dict, field: str, least: int, most: int) -> int:
    value = whole(document, field, least, most)
    if value is None:
        raise missing(field)
    return value


def flag(document: dict, field: str) -> bool:
    """The truth in `field`; False where it is absent or null."""
    value = document.get(field)
    if value is None:
        return False
    if value is not True and value is not False:
        raise bad(field, "true or false is expected")
    return value


def an_object(document: dict, field: str) -> dict | None:
    value = document.get(field)
    if value is not None and not isinstance(value, dict):
        raise bad(field, "an object is expected")
    return value


def a_list(document: dict, field: str, most: int) -> list | None:
    value = document.get(field)
    if value is None:
        return None
    if not isinstance(value, list):
        raise bad(field, "a list is expected")
    if len(value) > most:
        raise bad(field, "at most %d entries" % most)
    return value


def uid(document: dict, field: str) -> str:
    """The UUID in `field`, in lower case. Its version is not asked: an alarm is not lost over a nibble."""
    value = needed_text(document, field, 64).lower()
    if not is_uid(value):
        raise bad(field, "a UUID is expected")
    return value


def is_uid(value: str) -> bool:
    return (
        len(value) == 36
        and value[8] == value[13] == value[18] == value[23] == "-"
        and is_hex(value[:8] + value[9:13] + value[14:18] + value[19:23] + value[24:])
    )


def is_hex(value: str) -> bool:
    return not value.strip("0123456789abcdef")  # nothing is left over: one call, and this stands on the path of alarms
