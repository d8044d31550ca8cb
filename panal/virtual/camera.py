"""The module `camera` of cnadler86/micropython-camera-API, as far as our driver knows it, without a camera.

Names and behaviour from its typings/camera.pyi and src/modcamera*.c (2025): keyword-only pins, `get_…`/`set_…`, quality
0..100 where more is better, `capture()` a memoryview into a buffer outside MicroPython's heap that is good until the
next capture, `frame_available()`, `free_buffer()`, ValueError for what the sensor has not. The picture comes from
panal/virtual/scene.py over loopback. MicroPython-compatible: it runs inside the VM, beside the firmware.
"""

import json
import select
import socket
import sys

IS_VM = sys.implementation.name == "micropython"
BUFFER = 3 * 1024 * 1024  # a board has it in PSRAM

address = None  # (host, port) of the scene; without one there is no sensor
sensor = "OV2640"
surroundings = {}  # what the bench and the lamp do to it: covered, night, walk_ms, flash
_buffers = []  # one for all that follow each other


class PixelFormat:
    YUV422, GRAYSCALE, JPEG, RGB565 = 1, 3, 4, 0


class GrabMode:
    WHEN_EMPTY, LATEST = 0, 1


class FrameSize:
    QQVGA, QCIF, HQVGA, QVGA, CIF, VGA, SVGA = 1, 3, 4, 6, 8, 10, 11
    XGA, HD, SXGA, UXGA, FHD, QXGA = 12, 13, 14, 15, 16, 19


SIZES = {
    FrameSize.QQVGA: (160, 120),
    FrameSize.QCIF: (176, 144),
    FrameSize.HQVGA: (240, 176),
    FrameSize.QVGA: (320, 240),
    FrameSize.CIF: (400, 296),
    FrameSize.VGA: (640, 480),
    FrameSize.SVGA: (800, 600),
    FrameSize.XGA: (1024, 768),
    FrameSize.HD: (1280, 720),
    FrameSize.SXGA: (1280, 1024),
    FrameSize.UXGA: (1600, 1200),
    FrameSize.FHD: (1920, 1080),
    FrameSize.QXGA: (2048, 1536),
}
MAX_SIZE = {"OV2640": FrameSize.UXGA, "OV3660": FrameSize.QXGA, "OV5640": 23}
RANGES = {
    "brightness": (-2, 2),
    "contrast": (-2, 2),
    "saturation": (-2, 2),
    "exposure_ctrl": (0, 1),
    "gain_ctrl": (0, 1),
    "whitebal": (0, 1),
    "hmirror": (0, 1),
    "vflip": (0, 1),
}


KNOWN = (
    "data_pins pclk_pin vsync_pin href_pin sda_pin scl_pin xclk_pin xclk_freq powerdown_pin reset_pin"
    " pixel_format frame_size jpeg_quality fb_count grab_mode"
).split()


class Camera:
    def __init__(self, **given):
        """Keyword arguments by KNOWN; their defaults are the real one's as far as anything comes of them."""
        for name in given:
            if name not in KNOWN:
                raise TypeError("unexpected keyword argument " + name)
        self._socket = None
        self._is_asked = False
        if not _buffers:
            _buffers.append(_outside_the_heap(BUFFER))
        self._buffer = _buffers[0]
        self._room = self._size = min(given.get("frame_size", FrameSize.QVGA), MAX_SIZE[sensor])
        self._quality = given.get("jpeg_quality", 85)
        self._set = _defaults()
        if given.get("pixel_format") != PixelFormat.JPEG:
            raise ValueError("only JPEG is simulated")
        self.init()

    def init(self):
        if address is None:
            raise OSError(0x105, "camera not found")  # ESP_ERR_NOT_FOUND, which esp_camera_init gives
        if self._socket is None:
            self._socket = socket.socket()
            self._socket.connect(socket.getaddrinfo(address[0], address[1])[0][-1])

    def deinit(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._is_asked = False

    def reconfigure(self, *, frame_size=None, pixel_format=None, grab_mode=None, fb_count=None):
        self._need()
        self.deinit()
        self._room = self._size = min(frame_size or self._size, MAX_SIZE[sensor])  # the real one warns
        self._set = _defaults()
        self.init()

    def frame_available(self):
        self._ask()
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def capture(self):
        """A memoryview of a JPEG, good until the next capture; waits for the sensor."""
        self._ask()
        head = bytearray(4)
        self._read(memoryview(head))
        length = int.from_bytes(head, "big")
        view = memoryview(self._buffer)[:length]
        self._read(view)
        self._is_asked = False
        return view

    def free_buffer(self):
        self._need()

    def get_max_frame_size(self):
        return MAX_SIZE[sensor]

    def get_sensor_name(self):
        return sensor

    def get_frame_size(self):
        return self._size

    def set_frame_size(self, value):
        self._need()
        if value > self._room:  # the real one writes past its buffers, and the frame is lost
            raise ValueError("Invalid setting for frame_size")
        self._size = value

    def get_pixel_width(self):
        return SIZES[self._size][0]

    def get_pixel_height(self):
        return SIZES[self._size][1]

    def get_quality(self):
        return self._quality

    def set_quality(self, value):
        self._need()
        self._quality = value

    def __getattr__(self, name):
        if name.startswith("set_") and name[4:] in RANGES:
            return lambda value: self._write(name[4:], value)
        if name.startswith("get_") and name[4:] in RANGES:
            return lambda: self._set[name[4:]]
        raise AttributeError(name)

    def _write(self, name, value):
        self._need()
        low, high = RANGES[name]
        if not low <= value <= high:
            raise ValueError("Invalid setting for " + name)
        self._set[name] = value

    def _need(self):
        if self._socket is None:
            raise OSError(2)

    def _ask(self):
        """Ask the scene for a frame as things are set now; one at a time."""
        self._need()
        if self._is_asked:
            return
        self._is_asked = True
        asked = {"size": SIZES[self._size], "quality": self._quality}
        asked.update(self._set)
        asked.update(surroundings)
        data = json.dumps(asked).encode() + b"\n"
        if IS_VM:
            self._socket.write(data)
        else:
            self._socket.sendall(data)

    def _read(self, view):
        done = 0
        while done < len(view):
            n = self._socket.readinto(view[done:]) if IS_VM else self._socket.recv_into(view[done:])
            if not n:
                raise OSError(5, "the scene has ended")
            done += n


def _defaults():
    on = ("exposure_ctrl", "gain_ctrl", "whitebal")
    return {name: int(name in on) for name in RANGES}


def _outside_the_heap(size):
    """As PSRAM that the driver owns: what lies there is nothing that MicroPython counts, moves or frees."""
    if not IS_VM:
        return bytearray(size)
    import ffi
    import uctypes

    malloc = ffi.open("libc.so.6").func("p", "malloc", "I")
    return uctypes.bytearray_at(malloc(size), size)
