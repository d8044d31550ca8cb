"""Instants: int milliseconds since 1970 UTC here, ISO 8601 on the older wire."""

DAY_MS = 86_400_000
YEARS = (1970, 9999)
EARLIEST_MS = 0
LATEST_MS = 253_402_300_799_999  # the end of 9999, the last instant a datetime can hold


def parse(text: str) -> int | None:
    """Milliseconds of an ISO 8601 instant with `Z` or an offset ("2026-11-21T01:02:03.4Z"); None for anything else."""
    if not 17 <= len(text) <= 40 or text[10] not in "Tt ":
        return None
    time, offset_min = _split_offset(text[11:])
    if time is None:
        return None
    day, clock = _day(text[:10]), _clock(time)
    if day is None or clock is None:
        return None
    found = day * DAY_MS + clock - offset_min * 60_000
    return found if EARLIEST_MS <= found <= LATEST_MS else None


def text(at_ms: int) -> str:
    """The instant as "2026-11-21T01:02:03.456Z"."""
    days, ms = divmod(at_ms, DAY_MS)
    year, month, day = _civil(days)
    seconds, ms = divmod(ms, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (year, month, day, hour, minute, second, ms)


def _split_offset(time: str):
    """("01:02:03.4", minutes east of UTC), or (None, 0)."""
    if time[-1] in "Zz":
        return time[:-1], 0
    for sign, factor in (("+", 1), ("-", -1)):
        at = time.rfind(sign)
        if at > 0:
            minutes = _offset(time[at + 1 :])
            return (None, 0) if minutes is None else (time[:at], factor * minutes)
    return None, 0


def _offset(text: str) -> int | None:
    if len(text) == 5 and text[2] == ":":
        text = text[:2] + text[3:]
    if len(text) == 2:
        text += "00"
    if len(text) != 4 or not _digits(text) or int(text[:2]) > 23 or int(text[2:]) > 59:
        return None
    return int(text[:2]) * 60 + int(text[2:])


def _day(text: str) -> int | None:
    if text[4] != "-" or text[7] != "-" or not _digits(text[:4] + text[5:7] + text[8:]):
        return None
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
    if not YEARS[0] <= year <= YEARS[1] or not 1 <= month <= 12 or not 1 <= day <= _days_in(year, month):
        return None
    return _days(year, month, day)


def _clock(text: str) -> int | None:
    """Milliseconds since midnight of "01:02", "01:02:03" or "01:02:03.456"; more decimals are cut off."""
    whole, _, fraction = text.replace(",", ".").partition(".")
    parts = whole.split(":")
    if not 2 <= len(parts) <= 3 or (fraction and len(parts) != 3) or whole + "." == text:
        return None
    for part in parts:
        if len(part) != 2 or not _digits(part):
            return None
    if fraction and not _digits(fraction):
        return None
    hour, minute, second = int(parts[0]), int(parts[1]), int(parts[2]) if len(parts) == 3 else 0
    if hour > 23 or minute > 59 or second > 60:  # 60: a leap second
        return None
    return (hour * 3600 + minute * 60 + second) * 1000 + int((fraction + "000")[:3])


def _digits(text: str) -> bool:
    for letter in text:
        if letter not in "0123456789":
            return False
    return bool(text)


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01. Howard Hinnant, "chrono-compatible low-level date algorithms": days_from_civil."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def _civil(days: int):
    """(year, month, day): civil_from_days of the same source."""
    days += 719468
    era = days // 146097
    of_era = days - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, day
