"""What every conversation shares. Pure, in MicroPython's dialect: the board, the gateway and the tests import these files."""
