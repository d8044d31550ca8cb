"""The ESP32-S3 camera board of Freenove (also sold as ESP32-S3-CAM) with an OV5640, model camera-2.

Pins: docs/boards/camera-1.md.
"""

CELLS = ("cameras",)
ACCESS_POINT = "RackON_"  # and the device id; the model has it too (panal/cells/devices/catalog.py)
SETUP_BUTTON = "button"
CALLS = {}
SENSOR = "OV5640"

BUTTON = 0  # the one called BOOT
LED = 2
FLASH = 14  # a free pin for a lamp of one's own: the board has none

# MICROPY_CAMERA_MODEL_FREENOVE_ESP32S3_CAM in camera_pins.h of micropython-camera-API
PINS = {
    "data_pins": [11, 9, 8, 10, 12, 18, 17, 16],
    "vsync_pin": 6,
    "href_pin": 7,
    "pclk_pin": 13,
    "xclk_pin": 15,
    "xclk_freq": 20000000,
    "sda_pin": 4,
    "scl_pin": 5,
    "powerdown_pin": -1,
    "reset_pin": -1,
}


def parts(drivers):
    """The parts by the names that the cells use; `drivers` is panal.board.drivers, or what stands in for it."""
    from panal.board.drivers import sensor

    return {
        "button": drivers.Switch(BUTTON),
        "led": drivers.ActiveHigh(LED),
        "flash": drivers.Lamp(FLASH),
        "camera": sensor.Sensor(PINS),
    }
