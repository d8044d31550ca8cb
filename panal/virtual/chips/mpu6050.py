"""The MPU6050's accelerometer as its registers show it.

InvenSense, MPU-6000/6050 Register Map and Descriptions, RM-MPU-6000A-00 Rev. 4.2: sample rate 4.2, filter 4.3, ranges
4.5, what goes into the FIFO 4.7, interrupts 4.17, FIFO reset 4.29, power 4.30, FIFO count and data 4.33 and 4.34.
"""

SMPLRT_DIV, CONFIG, GYRO_CONFIG, ACCEL_CONFIG, FIFO_EN = 0x19, 0x1A, 0x1B, 0x1C, 0x23
INT_STATUS, ACCEL_XOUT_H, USER_CTRL, PWR_MGMT_1 = 0x3A, 0x3B, 0x6A, 0x6B
FIFO_COUNTH, FIFO_COUNTL, FIFO_R_W, WHO_AM_I = 0x72, 0x73, 0x74, 0x75
RESET, SLEEP = 0x80, 0x40
FIFO_ON, FIFO_RESET = 0x40, 0x04
ACCEL_FIFO = 0x08
FIFO_OFLOW = 0x10
FIFO_BYTES = 1024
AT_RESET = {PWR_MGMT_1: SLEEP, WHO_AM_I: 0x68}
NOTHING = 0xFF  # an empty FIFO


class Mpu6050:
    """`sample()` gives counts at ±8 g; `ticks_ms()` is the time, of which `period` is the end."""

    def __init__(self, sample, ticks_ms, period=1 << 30):
        self._sample = sample
        self._ticks_ms = ticks_ms
        self._period = period
        self._reset()

    def _reset(self):
        self._registers = dict(AT_RESET)
        self._fifo = bytearray()
        self._register = 0
        self._last_ms = self._ticks_ms()
        self._us = 0
        self._measured = bytes(6)

    # the bus

    def write(self, data):
        self._advance()
        self._register = data[0]
        for value in data[1:]:
            self._set(self._register, value)
            self._register += 1

    def read(self, count):
        self._advance()
        return bytes([self._get() for _ in range(count)])

    def _get(self):
        register = self._register
        if register == FIFO_R_W:  # the only one at which a burst stays
            return self._take()
        self._register += 1
        if register == FIFO_COUNTH:
            return len(self._fifo) >> 8
        if register == FIFO_COUNTL:
            return len(self._fifo) & 0xFF
        if ACCEL_XOUT_H <= register < ACCEL_XOUT_H + 6:
            return self._measured[register - ACCEL_XOUT_H]
        value = self._registers.get(register, 0)
        if register == INT_STATUS:  # reading clears it
            self._registers[INT_STATUS] = 0
        return value

    def _take(self):
        if not self._fifo:
            return NOTHING
        value = self._fifo[0]
        self._fifo = self._fifo[1:]
        return value

    def _set(self, register, value):
        if register == PWR_MGMT_1 and value & RESET:
            self._reset()
            return
        if register == USER_CTRL and value & FIFO_RESET:
            self._fifo = bytearray()
            value &= ~FIFO_RESET
        if register not in (WHO_AM_I, FIFO_COUNTH, FIFO_COUNTL, INT_STATUS):
            self._registers[register] = value

    # time

    def _advance(self):
        now_ms = self._ticks_ms()
        self._us += (now_ms - self._last_ms) % self._period * 1000
        self._last_ms = now_ms
        if self._registers[PWR_MGMT_1] & SLEEP:
            self._us = 0
        step_us = self._step_us()
        while self._us >= step_us:
            self._us -= step_us
            self._measure()

    def _step_us(self):
        """4.2: 8 kHz without the filter and 1 kHz with it, divided by 1 + SMPLRT_DIV."""
        has_filter = self._registers.get(CONFIG, 0) & 7 not in (0, 7)
        return (1000 if has_filter else 125) * (1 + self._registers.get(SMPLRT_DIV, 0))

    def _measure(self):
        coarser = 2 - (self._registers.get(ACCEL_CONFIG, 0) >> 3 & 3)  # what is measured is at ±8 g
        counts = [min(max(c << coarser if coarser >= 0 else c >> 1, -32768), 32767) for c in self._sample()]
        self._measured = b"".join([bytes((c >> 8 & 0xFF, c & 0xFF)) for c in counts])
        if self._registers.get(FIFO_EN, 0) & ACCEL_FIFO and self._registers.get(USER_CTRL, 0) & FIFO_ON:
            self._fifo += self._measured
            if len(self._fifo) > FIFO_BYTES:  # 4.34: the oldest bytes are lost, wherever a sample ends
                self._fifo = self._fifo[-FIFO_BYTES:]
                self._registers[INT_STATUS] = self._registers.get(INT_STATUS, 0) | FIFO_OFLOW
