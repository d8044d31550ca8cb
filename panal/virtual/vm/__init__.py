"""What runs inside the MicroPython VM when tests do."""
