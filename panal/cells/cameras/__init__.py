"""Cameras: frames from boards to people who look, kept and searched."""
