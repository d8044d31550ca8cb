"""The ESP32-CAM of AI-Thinker with an OV2640, model camera-1. Pins: docs/boards/camera-1.md."""

CELLS = ("cameras",)
ACCESS_POINT = "RackON_"  # and the device id; the model has it too (panal/cells/devices/catalog.py)
SETUP_BUTTON = "button"
CALLS = {}
SENSOR = "OV2640"

BUTTON = 13  # to ground, pull-up; nothing need be connected. GPIO 0, the button of other boards, is the sensor's clock
LED = 33  # the small red one, active low
FLASH = 4  # the white one, through a transistor

# MICROPY_CAMERA_MODEL_AI_THINKER in camera_pins.h of micropython-camera-API
PINS = {
    "data_pins": [5, 18, 19, 21, 36, 39, 34, 35],
    "vsync_pin": 25,
    "href_pin": 23,
    "pclk_pin": 22,
    "xclk_pin": 0,
    "xclk_freq": 20000000,
    "sda_pin": 26,
    "scl_pin": 27,
    "powerdown_pin": 32,
    "reset_pin": -1,
}


def parts(drivers):
    """The parts by the names that the cells use; `drivers` is panal.board.drivers, or what stands in for it."""
    from panal.board.drivers import sensor

    return {
        "button": drivers.Switch(BUTTON),
        "led": drivers.ActiveLow(LED),
        "flash": drivers.Lamp(FLASH),
        "camera": sensor.Sensor(PINS),
    }
