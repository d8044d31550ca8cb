"""Stands in for the module `machine`: pins, buses and converters with the names of MicroPython, and chips at them.

`Machine` is one board's. What is attached is given by pin or address; what a person does sets `levels` and `analog`.
"""

import errno


class Pin:
    IN, OUT, PULL_UP = 0, 1, 2

    def __init__(self, world, number, mode=-1, pull=-1, value=None):
        self.number = number
        self._world = world
        if pull == self.PULL_UP:
            world.levels.setdefault(number, 1)
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is None:
            return self._world.levels.get(self.number, 0)
        self._world.levels[self.number] = level
        chip = self._world.selected.get(self.number)
        if chip is not None and not level:
            chip.select()
        return None


class Spi:
    def __init__(self, world):
        self._world = world

    def write(self, data):
        self._exchange(data)

    def write_readinto(self, data, into):
        into[:] = self._exchange(data)

    def _exchange(self, data):
        for number, chip in self._world.selected.items():
            if not self._world.levels.get(number, 1):
                return bytes([chip.exchange(byte) for byte in data])
        return bytes(len(data))


class I2c:
    """A byte takes as long as it takes: at 50 kHz nine bits are 180 µs; `busy_us` counts them."""

    def __init__(self, world):
        self._chips = world.addressed
        self.busy_us = 0

    def writeto(self, address, data):
        self._chip(address).write(data)
        self.busy_us += 180 * (len(data) + 1)
        return len(data) + 1

    def readfrom(self, address, count):
        self.busy_us += 180 * (count + 1)
        return self._chip(address).read(count)

    def readfrom_mem_into(self, address, register, into):
        self.writeto(address, bytes((register,)))
        into[:] = self.readfrom(address, len(into))

    def writeto_mem(self, address, register, data):
        self.writeto(address, bytes((register,)) + bytes(data))

    def _chip(self, address):
        if address not in self._chips:
            raise OSError(errno.ENODEV)
        return self._chips[address]


class Pwm:
    """`duty` 0..65535; `pulse_us` of a servo."""

    def __init__(self, world, number, freq):
        self.freq = freq
        self.duty = 0
        self.pulse_us = None
        self._pwms, self._number = world.pwms, number
        world.pwms[number] = self

    def deinit(self):
        del self._pwms[self._number]

    def duty_u16(self, duty):
        self.duty = duty

    def duty_ns(self, ns):
        self.pulse_us = ns // 1000


class Adc:
    def __init__(self, world, number):
        self._world = world
        self._number = number

    def read_u16(self):
        value = self._world.analog.get(self._number, 0)
        return value << 4 | value >> 8


class Machine:
    def __init__(self):
        self.levels = {}
        self.analog = {}
        self.selected = {}  # chips on SPI by the pin that selects them
        self.addressed = {}  # chips on I2C by address
        self.pwms = {}

    def output(self, number, level):
        return Pin(self, number, Pin.OUT, value=level)

    def input(self, number):
        return Pin(self, number, Pin.IN, Pin.PULL_UP)

    def spi(self, sck, mosi, miso, hz=1000000):
        return Spi(self)

    def i2c(self, sda, scl):
        return I2c(self)

    def pwm(self, number, freq):
        return Pwm(self, number, freq)

    def adc(self, number):
        return Adc(self, number)

    def sleep_us(self, us):
        pass
