"""The door controller, model door-1: an ESP32, or an ESP32-S3 with other pins. Pins: docs/boards/door-1.md."""

import os

CELLS = ("access",)
ACCESS_POINT = "RackON_"  # and the device id; the model has it too (panal/cells/devices/catalog.py)
SETUP_BUTTON = "button"
CALLS = {"exit": None}  # what ends a quiet life (panal/board/quiet.py), and the event that it is

# the lock is a relay, active low, or a servo at the same pin
ESP32 = {
    "button": 0,  # the board's own, BOOT
    "buzzer": 26,
    "blue": 14,
    "green": 12,
    "red": 27,
    "reed": 33,  # to ground when the door is closed, pull-up
    "lock": 25,
    "knob": 34,  # ADC1: ADC2 does not work beside Wi-Fi
    "exit": 32,  # to ground, pull-up
    "bolt": 4,  # sensor of the lock, to ground when it is locked, pull-up
    "spi": (18, 23, 19),  # SCK, MOSI, MISO
    "cs": 5,
    "rst": 13,
    "i2c": (21, 22),  # SDA, SCL: display, and keypad behind a PCF8574
}
ESP32_S3 = {
    "button": 0,
    "buzzer": 4,
    "blue": 5,
    "green": 6,
    "red": 7,
    "reed": 15,
    "lock": 16,
    "knob": 1,
    "exit": 17,
    "bolt": 21,
    "spi": (12, 11, 13),
    "cs": 10,
    "rst": 9,
    "i2c": (8, 18),
}
BUZZER_HZ = 2000
SERVO_HZ = 50


def pins():
    machine = os.uname().machine if hasattr(os, "uname") else ""
    return ESP32_S3 if "ESP32S3" in machine else ESP32


def parts(drivers):
    """The parts by the names that the cells use; `drivers` is panal.board.drivers.parts, or what stands in for it."""
    from panal.board.drivers import door, lcd1602, mfrc522

    at, machine = pins(), drivers.buses()
    relay = door.Relay(machine.output(at["lock"], 1), True)  # before all else: the coil rests
    i2c = machine.i2c(*at["i2c"])
    return {
        "button": drivers.Switch(at["button"]),
        "relay": relay,
        "servo": lambda: door.Servo(machine.pwm(at["lock"], SERVO_HZ)),
        "blue": door.Relay(machine.output(at["blue"], 0), False),
        "green": door.Relay(machine.output(at["green"], 0), False),
        "red": door.Relay(machine.output(at["red"], 0), False),
        "buzzer": door.Buzzer(machine.pwm(at["buzzer"], BUZZER_HZ)),
        "reed": door.Contact(machine.input(at["reed"])),
        "exit": door.Contact(machine.input(at["exit"])),
        "bolt": door.Contact(machine.input(at["bolt"])),
        "knob": door.Knob(machine.adc(at["knob"])),
        "reader": mfrc522.Reader(machine.spi(*at["spi"]), machine.output(at["cs"], 1), machine.output(at["rst"], 1)),
        "lcd": lcd1602.Lcd(i2c, machine.sleep_us),
        "keypad": door.Keypad(i2c),
    }
