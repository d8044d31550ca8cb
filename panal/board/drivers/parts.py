"""Drivers of the simplest parts, on `machine` of MicroPython."""

import time
from array import array

import machine


class Edges:
    """A contact to ground, by interrupt: every edge is noted with its time, also while the loop is busy."""

    SIZE = 32  # more edges than this between two looks, and the oldest are lost

    def __init__(self, pin):
        self._pin = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)
        self._ticks = array("i", [0] * self.SIZE)
        self._downs = bytearray(self.SIZE)
        self._written = 0
        self._read = 0
        self._pin.irq(self._note, machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)

    def _note(self, pin):
        index = self._written % self.SIZE
        self._ticks[index] = time.ticks_ms()
        self._downs[index] = not pin.value()
        self._written += 1

    def is_on(self):
        return not self._pin.value()

    def edges(self):
        """[(is_down, ticks in ms)] since the last call, oldest first."""
        self._read = max(self._read, self._written - self.SIZE)
        found = []
        while self._read < self._written:
            index = self._read % self.SIZE
            found.append((bool(self._downs[index]), self._ticks[index]))
            self._read += 1
        return found


class Switch:
    """A contact to ground that is looked at."""

    def __init__(self, pin):
        self._pin = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)

    def is_on(self):
        return not self._pin.value()


class ActiveLow:
    def __init__(self, pin):
        self._pin = machine.Pin(pin, machine.Pin.OUT, value=1)

    def on(self):
        self._pin.value(0)

    def off(self):
        self._pin.value(1)


class ActiveHigh:
    def __init__(self, pin):
        self._pin = machine.Pin(pin, machine.Pin.OUT, value=0)

    def on(self):
        self._pin.value(1)

    def off(self):
        self._pin.value(0)


class Battery:
    """A lithium cell behind a divider: its voltage as a fraction, which is rough but needs no other part."""

    def __init__(self, pin, divider, empty_mv, full_mv):
        self._adc = machine.ADC(machine.Pin(pin), atten=machine.ADC.ATTN_11DB)
        self._divider = divider
        self._empty_mv = empty_mv
        self._full_mv = full_mv

    def level(self):
        """0..1"""
        mv = self._adc.read_uv() * self._divider / 1000
        return min(1.0, max(0.0, (mv - self._empty_mv) / (self._full_mv - self._empty_mv)))


class Lamp:
    """A light that can be dimmed."""

    def __init__(self, pin):
        self._pwm = machine.PWM(machine.Pin(pin), freq=1000, duty_u16=0)

    def shine(self, level):
        """0..255"""
        self._pwm.duty_u16(level * 257)


def buses():
    """What the drivers of chips are given: pins, buses and converters (panal/board/drivers/buses.py)."""
    from panal.board.drivers.buses import Machine

    return Machine()
