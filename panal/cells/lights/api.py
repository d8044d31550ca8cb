"""What other cells and the server may use of lights."""

from .actions import Wish, run_scene, switch, switch_many
from .models import By, Light
from .queries import light_for, lights_for, lights_of, may_switch, scene_for, scenes_for, scenes_of
from .schedules import HomeClock, clock_of

__all__ = [
    "By",
    "HomeClock",
    "Light",
    "Wish",
    "clock_of",
    "light_for",
    "lights_for",
    "lights_of",
    "may_switch",
    "run_scene",
    "scene_for",
    "scenes_for",
    "scenes_of",
    "switch",
    "switch_many",
]
