"""When the sun rises and sets.

The sun's place: low precision formulas of The Astronomical Almanac, section C, good to 0.01° from 1950 to 2050. Rising
and setting: the upper limb at the horizon with 34' of refraction, as NOAA's Solar Calculator takes it. A board's floats
are single precision, which adds less than two seconds; near the polar circles refraction alone is uncertain by minutes.
"""

import math

J2000_DAY = 10957  # of 2000-01-01, days since 1970; the formulas count from its noon
HORIZON = math.sin(math.radians(-0.833))
DAY_MIN = 1440
NOON_MIN = 720
ROUNDS = 3


def minutes(day, place, is_rise, near_min=NOON_MIN):
    """Minutes after 00:00 UTC of `day` (days since 1970) at which the sun rises or sets, or None where it does not.

    `place`: [latitude, longitude] in ten thousandths of a degree. Of the days' noons the one nearest to `near_min`
    is meant: local noon, in the same minutes.
    """
    latitude, longitude = math.radians(place[0] / 10000), place[1] / 10000
    noon = NOON_MIN - 4 * longitude
    noon += round((near_min - noon) / DAY_MIN) * DAY_MIN
    at = noon
    for _ in range(ROUNDS):
        declination, equation = _sun(day - J2000_DAY, at)
        angle = _hour_angle(latitude, declination)
        if angle is None:
            return None
        at = noon - equation + (-4 if is_rise else 4) * angle
    return math.floor(at + 0.5)


def _sun(days, at):
    """(declination in radians, equation of time in minutes) at so many minutes of a day."""
    n = days - 0.5 + at / DAY_MIN
    mean = (280.460 + 0.9856474 * n) % 360
    anomaly = math.radians((357.528 + 0.9856003 * n) % 360)
    longitude = math.radians(mean + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439 - 0.0000004 * n)
    ascension = math.degrees(math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude)))
    return math.asin(math.sin(tilt) * math.sin(longitude)), 4 * ((mean - ascension + 180) % 360 - 180)


def _hour_angle(latitude, declination):
    """Degrees from noon to the horizon; None where the sun stays above or below."""
    cosine = (HORIZON - math.sin(latitude) * math.sin(declination)) / (math.cos(latitude) * math.cos(declination))
    return math.degrees(math.acos(cosine)) if -1 <= cosine <= 1 else None
