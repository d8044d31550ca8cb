"""The accelerometer of an MPU6050: 50 samples a second of ±8 g, which wait in the chip's FIFO while nobody asks.

InvenSense, MPU-6000/6050 Register Map and Descriptions, RM-MPU-6000A-00 Rev. 4.2. The FIFO holds 1024 bytes, which are
170 samples or 3.4 s: as long as the board may be busy with something else. After that samples are lost, and said to be.
"""

ADDRESS = 0x68
SMPLRT_DIV, CONFIG, ACCEL_CONFIG, FIFO_EN = 0x19, 0x1A, 0x1C, 0x23
INT_STATUS, USER_CTRL, PWR_MGMT_1, PWR_MGMT_2 = 0x3A, 0x6A, 0x6B, 0x6C
FIFO_COUNT, FIFO_R_W, WHO_AM_I = 0x72, 0x74, 0x75
I_AM = (0x68, 0x70, 0x71, 0x98)  # and its later siblings, which have the same registers
SET_UP = (
    (PWR_MGMT_1, 0x01),  # awake; the clock of a gyroscope, which is better than the one inside
    (PWR_MGMT_2, 0x00),
    (CONFIG, 0x03),  # low pass of 44 Hz
    (SMPLRT_DIV, 19),  # 1 kHz / 20
    (ACCEL_CONFIG, 0x10),  # ±8 g
    (FIFO_EN, 0x08),  # the accelerometer and nothing else
)
EMPTY_AND_ON = 0x44  # of USER_CTRL
OVERFLOW = 0x10  # of INT_STATUS
SAMPLE_BYTES = 6
BURST = 16  # samples in one go: 100 bytes, 20 ms at 50 kHz


class Mpu6050:
    """`i2c` of machine.I2C. `lost` counts how often the FIFO ran over."""

    def __init__(self, i2c):
        self.is_present = False
        self.lost = 0
        self._i2c = i2c
        self._one = bytearray(1)
        self._two = bytearray(2)
        self._samples = bytearray(SAMPLE_BYTES * BURST)
        self._views = [memoryview(self._samples)[: SAMPLE_BYTES * n] for n in range(BURST + 1)]

    def start(self):
        """Set it up; whether there is one."""
        try:
            self._i2c.readfrom_mem_into(ADDRESS, WHO_AM_I, self._one)
            self.is_present = self._one[0] in I_AM
            if self.is_present:
                for register, value in SET_UP:
                    self._write(register, value)
                self._write(USER_CTRL, EMPTY_AND_ON)
        except OSError:
            self.is_present = False
        return self.is_present

    def read(self, receive):
        """Give every waiting sample to `receive(x, y, z)`, oldest first.

        Raises OSError where the chip does not answer: `is_present` is then false, and start() tries again.
        """
        waiting = self._waiting()
        while waiting:
            count = min(waiting, BURST)
            self._read(FIFO_R_W, self._views[count])
            self._hand_over(receive, count)
            waiting -= count

    def _waiting(self):
        """How many samples; none after an overflow, where what is left begins in the midst of one."""
        self._read(INT_STATUS, self._one)
        if self._one[0] & OVERFLOW:
            self.lost += 1
            self._write(USER_CTRL, EMPTY_AND_ON)
            return 0
        self._read(FIFO_COUNT, self._two)
        return (self._two[0] << 8 | self._two[1]) // SAMPLE_BYTES

    def _hand_over(self, receive, count):
        data = self._samples
        for at in range(0, SAMPLE_BYTES * count, SAMPLE_BYTES):
            x, y, z = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3], data[at + 4] << 8 | data[at + 5]
            receive(x - (x >> 15 << 16), y - (y >> 15 << 16), z - (z >> 15 << 16))

    def _read(self, register, into):
        try:
            self._i2c.readfrom_mem_into(ADDRESS, register, into)
        except OSError:
            self.is_present = False
            raise

    def _write(self, register, value):
        self._one[0] = value
        self._i2c.writeto_mem(ADDRESS, register, self._one)
