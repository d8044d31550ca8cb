"""The fall wearable, model wearable-1. Pins: docs/boards/wearable-1.md."""

CELLS = ("care",)
ACCESS_POINT = "RackON_"  # and the device id; the model has it too (panal/cells/devices/catalog.py)
SETUP_BUTTON = "button"

BUTTON = 25  # to ground, pull-up
TILT = 26  # KY-017, to ground when tilted, pull-up
LED = 2  # active low
BATTERY = 34  # ADC1: ADC2 does not work beside Wi-Fi; half of the cell's voltage by two equal resistors

BATTERY_EMPTY_MV = 3300
BATTERY_FULL_MV = 4200


def parts(drivers):
    """The parts by the names that the cells use; `drivers` is panal.board.drivers.parts, or what stands in for it."""
    return {
        "button": drivers.Edges(BUTTON),
        "tilt": drivers.Switch(TILT),
        "led": drivers.ActiveLow(LED),
        "battery": drivers.Battery(BATTERY, 2, BATTERY_EMPTY_MV, BATTERY_FULL_MV),
    }
