"""Simulated chips, at the level of their registers, each written from its data sheet. MicroPython's dialect."""
