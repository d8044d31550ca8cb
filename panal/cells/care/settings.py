"""What a wearer's board may be asked to do otherwise: the twin's `care`. Needed rarely, so a board forgets this module.

| name | values | meaning |
|---|---|---|
| profile | `posture`, `classic` | which detector |
| position | `waist`, `chest`, `neck`, `wrist` | where it is worn; at the wrist falls are not found reliably |
| countdown_s | 0 to 120 | how long a wearer may take a fall back, where a buzzer is fitted |
| second_stage | true, false | also tell what only the server's second stage can decide |
| not_worn_h | 1 to 168 | hours without any movement after which nobody wears it |
| classic | limits of panal/cells/care/classic.py | for this profile |
"""

DEFAULTS = (
    ("profile", "posture"),
    ("position", "waist"),
    ("countdown_s", 15),
    ("second_stage", False),
    ("not_worn_h", 12),
)


def defaults():
    return dict(DEFAULTS)


def obeyed(value):
    """(settings, what of `value` was good). Raises ValueError for what is no object."""
    if not isinstance(value, dict):
        raise ValueError
    settings, given = defaults(), {}
    for name, wanted in value.items():
        if name in settings and _is_good(name, wanted):
            settings[name] = given[name] = wanted
    if settings["profile"] == "classic":
        settings["classic"] = given["classic"] = _limits(value.get("classic"))
    return settings, given


def _limits(given):
    from panal.cells.care import classic

    limits = dict(classic.SETTINGS)
    for name, value in given.items() if isinstance(given, dict) else ():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if name in limits and is_number and 0 < value <= classic.LIMITS[name]:
            limits[name] = value if name.endswith("_g") else int(value)
    return limits


def _is_good(name, value):
    if name == "profile":
        return value in ("posture", "classic")
    if name == "position":
        return value in ("waist", "chest", "neck", "wrist")
    if name == "second_stage":
        return isinstance(value, bool)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole and (0 <= value <= 120 if name == "countdown_s" else 1 <= value <= 168)


def is_other_detector(wanted, settings):
    """Most settings are no matter of the detector, which keeps what it has felt."""
    if settings is None:
        return True
    return any(wanted.get(name) != settings.get(name) for name in ("profile", "second_stage", "classic"))


def detector(settings):
    if settings["profile"] == "classic":
        from panal.cells.care.classic import Classic

        return Classic(settings["classic"])
    from panal.cells.care import posture
    from panal.cells.care.detector import Posture

    return Posture(posture.GATE if settings["second_stage"] else posture.THRESHOLD)
