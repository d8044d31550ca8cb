"""The fall wearable, model wearable-1. Pins: docs/boards/wearable-1.md."""

CELLS = ("care",)
ACCESS_POINT = "RackON_"  # and the device id; the model has it too (panal/cells/devices/catalog.py)
SETUP_BUTTON = "button"
CALLS = {"button": "EMERGENCY_BUTTON"}  # what ends a quiet life (panal/board/quiet.py), and the event that it is

BUTTON = 25  # to ground, pull-up
TILT = 26  # KY-017, to ground when tilted, pull-up
LED = 2  # active low
BATTERY = 34  # ADC1: ADC2 does not work beside Wi-Fi; half of the cell's voltage by two equal resistors

SDA, SCL = 21, 22  # MPU6050
BUZZER = 27  # where one is fitted: `buzzer` in the configuration
BUZZER_HZ = 2700

BATTERY_EMPTY_MV = 3300
BATTERY_FULL_MV = 4200


def parts(drivers):
    """The parts by the names that the cells use; `drivers` is panal.board.drivers.parts, or what stands in for it."""
    from panal.board.drivers import mpu6050

    machine = drivers.buses()
    return {
        "motion": mpu6050.Mpu6050(machine.i2c(SDA, SCL)),
        "buzzer": machine.pwm(BUZZER, BUZZER_HZ),
        "button": drivers.Edges(BUTTON),
        "tilt": drivers.Switch(TILT),
        "led": drivers.ActiveLow(LED),
        "battery": drivers.Battery(BATTERY, 2, BATTERY_EMPTY_MV, BATTERY_FULL_MV),
    }
