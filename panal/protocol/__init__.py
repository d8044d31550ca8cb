"""What every conversation shares. Pure, in MicroPython's dialect: board, gateway and tests import these files."""
