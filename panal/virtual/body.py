"""Somebody who wears a virtual wearable: its accelerometer feels what they do, and its buzzer can be heard.

The board's own driver runs; it is given simulated pins and buses (panal/virtual/chips). MicroPython-compatible.
"""

from panal.board.boards import wearable_1
from panal.virtual import hardware, motion
from panal.virtual.chips import mpu6050
from panal.virtual.chips.pins import Machine

here = []
"""Who wears the board of this process."""


def machine():
    """The pins and buses of the board, with everything at them."""
    here[:] = [Wearer()]
    return here[0].machine


class Wearer:
    def __init__(self):
        self.machine = Machine()
        self.body = motion.Body()
        self.chip = mpu6050.Mpu6050(self.body.sample, lambda: hardware.ticks_ms(), hardware.TICKS_PERIOD)
        self.machine.addressed[0x68] = self.chip

    def do(self, said):
        """Whether it was something for a body: shake."""
        if said["do"] != "shake" or said["motion"] not in motion.MOTIONS:
            return False
        self.body.play(said["motion"])
        return True

    def is_sounding(self):
        pwm = self.machine.pwms.get(wearable_1.BUZZER)
        return pwm is not None and pwm.duty > 0
