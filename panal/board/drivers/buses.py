"""Pins, buses and converters of `machine` as the drivers of chips want them; panal/virtual/chips/pins.py stands in."""

import time

import machine

SPI_HZ = 1000000
I2C_HZ = 50000


class Machine:
    def output(self, number, level):
        """It has this level from the first moment."""
        return machine.Pin(number, machine.Pin.OUT, value=level)

    def input(self, number):
        return machine.Pin(number, machine.Pin.IN, machine.Pin.PULL_UP)

    def spi(self, sck, mosi, miso, hz=SPI_HZ):
        pins = [machine.Pin(number) for number in (sck, mosi, miso)]
        return machine.SPI(2, baudrate=hz, sck=pins[0], mosi=pins[1], miso=pins[2])

    def i2c(self, sda, scl):
        return machine.I2C(0, sda=machine.Pin(sda), scl=machine.Pin(scl), freq=I2C_HZ, timeout=5000)

    def pwm(self, number, freq):
        return machine.PWM(machine.Pin(number), freq=freq, duty_u16=0)

    def adc(self, number):
        return machine.ADC(machine.Pin(number), atten=machine.ADC.ATTN_11DB)

    def sleep_us(self, us):
        time.sleep_us(us)
