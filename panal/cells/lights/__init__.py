"""Lights: relays and dimmers, wall switches, timers and schedules, rooms and scenes."""
