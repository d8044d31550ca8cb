"""How a door goes: who gets in, when the lock moves, what is heard and seen. Times: docs/boards/door-1.md.

The rule above all: the lock never closes while the door is open, and never opens without a grant.
"""

# name: (default, least, most); a truth has no bounds, a word has its choices
SETTINGS = {
    "mode": ("OR", ("OR", "AND")),
    "code_length": (3, 1, 8),
    "pot_max_digit": (10, 1, 15),
    "pot_dead_zone": (0, 0, 400),
    "pot_inverted": (False,),
    "pot_settle_ms": (1200, 200, 10000),
    "entry_idle_ms": (8000, 1000, 60000),
    "factor_window_ms": (10000, 1000, 60000),
    "fail_limit": (5, 1, 100),
    "fail_window_ms": (60000, 1000, 3600000),
    "pause_ms": (30000, 1000, 3600000),
    "pause_max_ms": (600000, 1000, 3600000),
    "grant_wait_ms": (10000, 1000, 60000),
    "unlock_max_ms": (10000, 1000, 600000),
    "relock_ms": (1000, 200, 60000),
    "held_ms": (60000, 1000, 3600000),
    "jam_ms": (2000, 200, 60000),
    "back_ms": (5000, 1000, 60000),
    "hide_digits": (False,),
    "exit_button": (True,),
    "keypad": (False,),
    "lock_sensor": (False,),
    "lock": ("relay", ("relay", "servo")),
    "lcd_mapping": (-1, -1, 5),
    "encrypt_log": (False,),
    "legacy_topics": (False,),
}


def is_good(name, value):
    """Whether a setting may have this value."""
    default, bounds = SETTINGS[name][0], SETTINGS[name][1:]
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, str):
        return value in bounds[0]
    return isinstance(value, int) and bounds[0] <= value <= bounds[1]
