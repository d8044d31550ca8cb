"""When schedules run: days of the week and minutes in the place's own time, or before and after the sun. Both ends."""

DAY_S = 86400
DAY_MIN = 1440
DAYS = 9  # to look ahead: a week, and a day at each end for a sun or a zone that reaches over midnight


def next_after(after_ms, schedules, zone, place):
    """([schedules that run then], at_ms): the next instant later than `after_ms`, or ([], None).

    Schedules and zone as panal/cells/lights/machine.py checks them: `is_schedule`, `is_zone`, `is_place`.
    """
    due: list = []
    at_s = None
    for schedule in schedules:
        found_s = next_of(schedule, after_ms // 1000, zone, place)
        if found_s is None or (at_s is not None and found_s > at_s):
            continue
        if found_s != at_s:
            due = []
        due.append(schedule)
        at_s = found_s
    return due, None if at_s is None else at_s * 1000


def next_of(schedule, after_s, zone, place):
    """Seconds since 1970 at which one schedule runs next, or None: no place, or a sun that does not rise for days."""
    today = (after_s + 60 * offset_min(zone, after_s)) // DAY_S
    for day in range(today - 1, today + DAYS):
        if schedule[1] >> (day + 3) % 7 & 1:  # 1970-01-01 was a Thursday
            at_s = _at_s(schedule, day, zone, place)
            if at_s is not None and at_s > after_s:
                return at_s
    return None


def _at_s(schedule, day, zone, place):
    when, minute = schedule[2], schedule[3]
    if when == "time":
        return _utc_s(day * DAY_S + minute * 60, zone)
    if place is None:
        return None
    from panal.cells.lights import sun

    noon_min = (_utc_s(day * DAY_S + DAY_S // 2, zone) - day * DAY_S) // 60
    found = sun.minutes(day, place, when == "sunrise", noon_min)
    return None if found is None else day * DAY_S + (found + minute) * 60


def _utc_s(local_s, zone):
    """The instant of a local time. One that is skipped when clocks go forward comes as much later; of one that there is
    twice when they go back it is the first."""
    first_s = local_s - 60 * offset_min(zone, local_s - DAY_S // 2)
    second_s = local_s - 60 * offset_min(zone, first_s)
    if offset_min(zone, second_s) * 60 != local_s - second_s:
        return first_s
    return min(first_s, second_s) if offset_min(zone, first_s) * 60 == local_s - first_s else second_s


def offset_min(zone, at_s):
    """What local time is more than UTC at an instant: `zone` has the minutes from each instant on, in their order."""
    found = zone[0][1] if zone else 0
    for from_s, minutes in zone:
        if from_s <= at_s:
            found = minutes
    return found
