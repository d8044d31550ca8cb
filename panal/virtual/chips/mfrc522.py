"""The MFRC522 as its registers show it, and cards in its field.

NXP, MFRC522 product data sheet, Rev. 3.9: SPI 8.1.2, FIFO 8.3, interrupts 8.4, timer 8.5, registers 9.3, commands 10.3.
Cards: ISO/IEC 14443-3 type A, states and frames of section 6.
"""

COMMAND, COM_IRQ, ERROR, FIFO, FIFO_LEVEL, CONTROL, BIT_FRAMING, COLL = 0x01, 0x04, 0x06, 0x09, 0x0A, 0x0C, 0x0D, 0x0E
TX_CONTROL, T_MODE, VERSION = 0x14, 0x2A, 0x37
TRANSCEIVE, SOFT_RESET = 0x0C, 0x0F
RESET = {COMMAND: 0x20, COM_IRQ: 0x14, COLL: 0xA0, TX_CONTROL: 0x80, VERSION: 0x92}  # 9.3, "reset value"
FIFO_BYTES = 64
RX_IRQ, IDLE_IRQ, ERR_IRQ, TIMER_IRQ = 0x20, 0x10, 0x02, 0x01
COLL_ERR, OVERFLOW = 0x08, 0x10
SELECTS = (0x93, 0x95, 0x97)
IDLE, READY, ACTIVE, HALT = "idle", "ready", "active", "halt"


def crc_a(data):
    """ISO 14443-3, annex B, bit by bit."""
    crc = 0x6363
    for byte in data:
        for bit in range(8):
            low = (crc ^ byte >> bit) & 1
            crc >>= 1
            if low:
                crc ^= 0x8408
    return bytes((crc & 0xFF, crc >> 8))


class Card:
    """A card with a UID of 4, 7 or 10 bytes. `is_wrong` breaks its BCC, as a bad copy does."""

    def __init__(self, uid, is_wrong=False):
        self.uid = bytes(uid)
        self.state = IDLE
        self._was_halted = False
        self._level = 0
        parts = {4: [uid], 7: [b"\x88" + uid[:3], uid[3:]], 10: [b"\x88" + uid[:3], b"\x88" + uid[3:6], uid[6:]]}
        self._parts = [part + bytes((part[0] ^ part[1] ^ part[2] ^ part[3] ^ is_wrong,)) for part in parts[len(uid)]]

    def field_off(self):
        self.state, self._was_halted = IDLE, False

    def hear(self, data, last_bits):
        """A frame from the reader: what the card answers, as a list of bits, or None."""
        if last_bits == 7 and len(data) == 1:
            return self._request(data[0])
        if self.state == READY and data[0] == SELECTS[self._level]:
            return self._select(data, last_bits)
        if self.state == ACTIVE and data == b"\x50\x00" + crc_a(b"\x50\x00"):
            self.state, self._was_halted = HALT, True
            return None
        self._fall_back()
        return None

    def _request(self, word):
        if (word == 0x52 and self.state in (IDLE, HALT)) or (word == 0x26 and self.state == IDLE):
            self.state, self._level = READY, 0
            return bits_of(b"\x04\x00")
        self._fall_back()
        return None

    def _fall_back(self):
        """6.4: what a card does not expect sends it back to sleep or idleness."""
        if self.state != IDLE:
            self.state = HALT if self._was_halted else IDLE

    def _select(self, data, last_bits):
        part = bits_of(self._parts[self._level])
        if data[1] == 0x70:
            if len(data) != 9 or data[2:7] != self._parts[self._level] or data[7:] != crc_a(data[:7]):
                self._fall_back()
                return None
            has_more = self._level + 1 < len(self._parts)
            if has_more:
                self._level += 1
            else:
                self.state = ACTIVE
            sak = bytes((0x04 if has_more else 0x08,))
            return bits_of(sak + crc_a(sak))
        known = ((data[1] >> 4) - 2) * 8 + (data[1] & 7)
        if bits_of(data[2:])[:known] != part[:known]:
            return None  # another card is meant; this one stays ready
        return part[known:]


def bits_of(data):
    return [byte >> bit & 1 for byte in data for bit in range(8)]


class Mfrc522:
    """`cards` lie in the field. `is_dead`: it has no power."""

    def __init__(self):
        self.cards = []
        self.is_dead = False
        self._address = None
        self._reset()

    def _reset(self):
        self._registers = RESET.copy()
        self._fifo = []

    # SPI, 8.1.2

    def select(self):
        self._address = None

    def exchange(self, byte):
        if self.is_dead:
            return 0x00
        if self._address is None:
            self._address = byte
            return 0x00
        address, is_read = self._address >> 1 & 0x3F, self._address & 0x80
        if is_read:  # each further byte is the address of the next read
            self._address = byte
            return self._read(address)
        self._write(address, byte)
        return 0x00

    # registers

    def _read(self, address):
        if address == FIFO:
            return self._fifo.pop(0) if self._fifo else 0
        if address == FIFO_LEVEL:
            return len(self._fifo)
        return self._registers.get(address, 0)

    def _write(self, address, value):
        if address == FIFO:
            if len(self._fifo) >= FIFO_BYTES:
                self._registers[ERROR] = self._registers.get(ERROR, 0) | OVERFLOW
            else:
                self._fifo.append(value)
        elif address == FIFO_LEVEL:
            if value & 0x80:
                self._fifo = []
                self._registers[ERROR] = self._registers.get(ERROR, 0) & ~OVERFLOW
        elif address == COM_IRQ:  # 9.3.1.5: Set1 says whether the marked bits are set or cleared
            old = self._registers.get(COM_IRQ, 0)
            self._registers[COM_IRQ] = (old | value & 0x7F) if value & 0x80 else old & ~value
        elif address == COMMAND:
            self._command(value & 0x0F)
        elif address != VERSION:
            self._registers[address] = value
            if address == TX_CONTROL and not value & 0x03:
                for card in self.cards:
                    card.field_off()
        if address == BIT_FRAMING and value & 0x80 and self._registers.get(COMMAND, 0) & 0x0F == TRANSCEIVE:
            self._transceive(value & 0x07, value >> 4 & 0x07)

    def _command(self, command):
        if command == SOFT_RESET:
            self._reset()
            for card in self.cards:
                card.field_off()
        else:
            self._registers[COMMAND] = command
            self._registers[ERROR] = 0

    def _transceive(self, last_bits, align):
        data, self._fifo = bytes(self._fifo), []
        has_field = self._registers.get(TX_CONTROL, 0) & 0x03 == 0x03
        answers = [card.hear(data, last_bits) for card in self.cards] if has_field else []
        answers = [answer for answer in answers if answer]
        if not answers:
            if self._registers.get(T_MODE, 0) & 0x80:  # TAuto: the timer has run out
                self._raise(TIMER_IRQ)
            return
        self._receive(answers, align)

    def _receive(self, answers, align):
        """What comes over the air is the sum of all answers; where they differ there is a collision, 9.3.1.15."""
        length = max([len(answer) for answer in answers])
        bits, collision = [], None
        for at in range(length):
            values = {answer[at] for answer in answers if at < len(answer)}
            if len(values) == 2 and collision is None:
                collision = at
            after = collision is not None and at >= collision and not self._registers.get(COLL, 0) & 0x80
            bits.append(0 if after else max(values))
        bits = [0] * align + bits
        self._fifo = [sum([bit << n for n, bit in enumerate(bits[at : at + 8])]) for at in range(0, len(bits), 8)]
        keep = self._registers.get(COLL, 0) & 0x80
        if collision is None:
            self._registers[COLL] = keep | 0x20
        else:
            # The position counts the bits of the cascade level, those that were known before included: so the
            # drivers in the field take it; the data sheet says only "of the received frame".
            position = 40 - length + collision + 1
            self._registers[COLL] = keep | (position & 0x1F if position <= 32 else 0x20)
            self._registers[ERROR] = self._registers.get(ERROR, 0) | COLL_ERR
            self._raise(ERR_IRQ)
        self._raise(RX_IRQ)

    def _raise(self, irq):
        self._registers[COM_IRQ] = self._registers.get(COM_IRQ, 0) | irq
