"""Who is let in when: keyed hashes of cards and codes, the entries of an access list, their schedules. Both ends.

A card's UID and a combination never leave the board in clear and are never written: what is kept is the first 16 bytes
of HMAC-SHA256 under K("access") of the door's own token (docs/wire/mqtt.md, Keys), so a hash is of no use elsewhere.
"""

from collections import namedtuple

from panal.protocol import keys

HASH_BYTES = 16
MAX_CODE = 8
MAX_SCHEDULES = 64
MAX_WINDOWS = 8
MAX_ZONES = 16
DAY_S = 86400
DAY_MIN = 1440

# hash: 16 bytes; person: the panel's number, 0 where it is nobody's; schedule: 1..64, 0 is always;
# from_day, until_day: first and last day of validity, local, days since 1970, 0 where there is none;
# when_clockless: whether it holds while the board does not know the time
Entry = namedtuple("Entry", "hash person schedule from_day until_day when_clockless")


def card_hash(key, uid):
    """Of a card's UID (4, 7 or 10 bytes); `key` = keys.derive(token, "access")."""
    return _hash(key, "card|" + keys.hex_of(uid))


def code_hash(key, digits):
    """Of a combination: the digits in their order."""
    return _hash(key, "code|" + "-".join([str(digit) for digit in digits]))


def _hash(key, text):
    return keys.hmac_sha256(key, text.encode())[:HASH_BYTES]


def refusal(entry, windows, zone, now_s):
    """ "" where the entry lets its holder in now, else why not.

    `windows`: of its schedule, ((days, from_min, until_min), …), days with bit 0 for Monday, or None without one;
    `zone`: ((from_s, offset_min), …), the offset from UTC that holds from each instant on, in their order;
    `now_s`: seconds since 1970 UTC, or None while the clock is not set.
    """
    is_limited = entry.from_day or entry.until_day or windows is not None
    if not is_limited:
        return ""
    if now_s is None:
        return "" if entry.when_clockless else "no_clock"
    local_s = now_s + 60 * _offset_min(zone, now_s)
    day = local_s // DAY_S
    if entry.from_day and day < entry.from_day:
        return "not_yet"
    if entry.until_day and day > entry.until_day:
        return "expired"
    return "" if windows is None or _is_within(windows, day, local_s % DAY_S // 60) else "outside_hours"


def _offset_min(zone, now_s):
    found = 0
    for from_s, offset_min in zone:
        if from_s <= now_s:
            found = offset_min
    return found


def _is_within(windows, day, minute):
    weekday = 1 << (day + 3) % 7  # 1970-01-01 was a Thursday
    return any(days & weekday and from_min <= minute < until_min for days, from_min, until_min in windows)
