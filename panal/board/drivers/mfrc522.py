"""Card reader MFRC522 over SPI: reads the UID of ISO 14443-3 type A cards, of 4, 7 or 10 bytes, and nothing else.

Registers and commands: NXP, MFRC522 product data sheet, Rev. 3.9, sections 9.3 and 10.3. Every exchange with a card
ends by the chip's own timer after 2 ms, so a poll is short whatever lies on the reader.
"""

COMMAND = 0x01
COM_IRQ = 0x04
ERROR = 0x06
FIFO = 0x09
FIFO_LEVEL = 0x0A
BIT_FRAMING = 0x0D
COLL = 0x0E
MODE = 0x11
TX_CONTROL = 0x14
TX_ASK = 0x15
RF_CFG = 0x26
VERSION = 0x37
IDLE = 0x00
TRANSCEIVE = 0x0C
SOFT_RESET = 0x0F
POWER_DOWN = 0x10
SET_UP = (
    (0x2A, 0x80),  # TMode: TAuto, the timer starts when the last bit has left
    (0x2B, 0xA9),  # TPrescaler 169: 13.56 MHz / 339 is 40 kHz, 25 µs a tick
    (0x2C, 0x00),
    (0x2D, 80),  # TReload: 80 ticks are 2 ms; a card begins to answer within 0.1 ms (ISO 14443-3, 6.1.2)
    (TX_ASK, 0x40),  # Force100ASK
    (MODE, 0x3D),  # CRC preset 0x6363
    (RF_CFG, 0x60),  # RxGain 43 dB
    (TX_CONTROL, 0x83),  # both antenna pins on
)
RX_IRQ = 0x20
TIMER_IRQ = 0x01
IDLE_IRQ = 0x10
ERR_IRQ = 0x02
COLLISION = 0x08  # ErrorReg: CollErr
BROKEN = 0x13  # BufferOvfl, ParityErr, ProtocolErr
LOOKS = 60  # at ComIrq: far more than the timer needs, should the chip be dead
WUPA = 0x52
HLTA = b"\x50\x00"
CASCADE = b"\x93\x95\x97"
CASCADE_TAG = 0x88
ROUNDS = 12  # bits on which cards on the reader may differ in one cascade level, before they are too many
GONE_POLLS = 3  # without an answer, until a card that lies there counts as taken away


class Reader:
    """`spi` of machine.SPI, at most 10 MHz, mode 0; `cs` and `rst` output pins."""

    def __init__(self, spi, cs, rst):
        self._spi = spi
        self._cs = cs
        self._rst = rst
        self._out = bytearray(2)
        self._in = bytearray(2)
        self._last = None
        self._missed = 0
        self._error = 0
        self._bits = 0
        self.is_present = False
        cs.value(1)

    def start(self):
        """Set the chip up; whether there is one that works."""
        self._rst.value(1)
        self._write(COMMAND, SOFT_RESET)
        for _ in range(LOOKS):
            if not self._read(COMMAND) & POWER_DOWN:  # 8.6.3: until its oscillator runs
                break
        for register, value in SET_UP:
            self._write(register, value)
        self.is_present = self._read(VERSION) not in (0x00, 0xFF) and self._is_set_up()
        return self.is_present

    def poll(self):
        """UID of a card that has come since the last poll, or None. To be called about every 150 ms."""
        if not self.is_present or not self._is_set_up():  # it was unplugged, or its power dipped
            self.start()
            return None
        uid = self._select() if self._request() else None
        if uid is None:
            self._missed += 1
            if self._missed >= GONE_POLLS:
                self._last = None
            return None
        self._missed = 0
        if uid == self._last:
            return None
        self._last = uid
        return uid

    def _is_set_up(self):
        return self._read(TX_CONTROL) & 0x03 == 0x03

    # cards: ISO 14443-3, section 6

    def _request(self):
        """Whether a card answers to WUPA, which those that were sent to sleep hear too."""
        self._write(COLL, 0x80)
        answer = self._transceive(bytes((WUPA,)), 7)  # several cards may answer with different bits
        return answer is not None and len(answer) == 2

    def _select(self):
        """The UID of one card, after which that card sleeps until it is asked again."""
        uid = b""
        for level in CASCADE:
            part = self._anticollision(level)
            if part is None:
                return None
            more = self._confirm(level, part)
            if more is None:
                return None
            if not more:
                uid += part[:4]
                self._transceive(with_crc(HLTA))  # no answer is the right one
                return uid
            if part[0] != CASCADE_TAG:
                return None
            uid += part[1:4]
        return None

    def _anticollision(self, level):
        """The 4 bytes of a cascade level and their BCC; where cards differ in a bit, those with a 1 go on."""
        part, known = bytearray(5), 0
        self._write(COLL, 0x00)  # ValuesAfterColl: bits after a collision are 0
        for _ in range(ROUNDS):
            whole, rest = known >> 3, known & 7
            frame = bytes((level, 0x20 + (whole << 4) + rest)) + part[: whole + (rest > 0)]
            answer = self._transceive(frame, rest, rest)
            if answer is None or len(answer) != 5 - whole:
                return None
            mask = (1 << rest) - 1
            part[whole] = part[whole] & mask | answer[0] & ~mask & 0xFF
            part[whole + 1 :] = answer[1:]
            if not self._error & COLLISION:
                good = part[0] ^ part[1] ^ part[2] ^ part[3] == part[4]
                return bytes(part) if good else None
            at = self._read(COLL)
            position = (at & 0x1F) or 32
            if at & 0x20 or position <= known:  # CollPosNotValid, or no step forward
                return None
            known = position
            part[position - 1 >> 3] |= 1 << (position - 1 & 7)
        return None

    def _confirm(self, level, part):
        """Select the card with this part of a UID: whether more of it follows; None when it does not confirm."""
        answer = self._transceive(with_crc(bytes((level, 0x70)) + part))
        if answer is None or self._error & COLLISION or len(answer) != 3 or with_crc(answer[:1]) != answer:
            return None
        return bool(answer[0] & 0x04)

    # chip

    def _transceive(self, data, last_bits=0, align=0):
        """What is answered, or None; `last_bits` of the last byte are sent (0: all), received bits begin at `align`."""
        write = self._write
        write(COMMAND, IDLE)
        write(COM_IRQ, 0x7F)
        write(FIFO_LEVEL, 0x80)  # FlushBuffer
        for byte in data:
            write(FIFO, byte)
        write(BIT_FRAMING, align << 4 | last_bits)
        write(COMMAND, TRANSCEIVE)
        write(BIT_FRAMING, 0x80 | align << 4 | last_bits)  # StartSend
        for _ in range(LOOKS):
            irq = self._read(COM_IRQ)
            if irq & (RX_IRQ | IDLE_IRQ | ERR_IRQ):
                break
            if irq & TIMER_IRQ:
                return None
        else:
            return None
        self._error = self._read(ERROR)
        if self._error & BROKEN:
            return None
        return bytes([self._read(FIFO) for _ in range(min(self._read(FIFO_LEVEL), 16))])

    def _write(self, register, value):
        """Section 8.1.2: the address in bits 6..1, bit 7 clear for a write."""
        self._out[0], self._out[1] = register << 1, value
        self._cs.value(0)
        self._spi.write(self._out)
        self._cs.value(1)

    def _read(self, register):
        self._out[0], self._out[1] = 0x80 | register << 1, 0
        self._cs.value(0)
        self._spi.write_readinto(self._out, self._in)
        self._cs.value(1)
        return self._in[1]


def with_crc(data):
    """The bytes and their CRC_A: ISO 14443-3, annex B."""
    crc = 0x6363
    for byte in data:
        byte ^= crc & 0xFF
        byte = (byte ^ byte << 4) & 0xFF
        crc = (crc >> 8) ^ (byte << 8) ^ (byte << 3) ^ (byte >> 4)
    return bytes(data) + bytes((crc & 0xFF, crc >> 8))
