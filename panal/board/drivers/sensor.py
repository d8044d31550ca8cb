"""A camera sensor, on the module `camera` of cnadler86/micropython-camera-API, which stock MicroPython has not.

Names from its typings/camera.pyi and src/modcamera_api.c: keyword-only pins, `reconfigure`, `capture`, `get_…`, `set_…`
and, in newer images, `frame_available`. A frame is a memoryview into the driver's own buffer in PSRAM: nothing of it
lies in MicroPython's heap, and it is good until the next capture.
"""

import asyncio

LOOK_MS = 4
FRAME_MS = 3000  # esp_camera_fb_get gives up after 4 s
TWO = 2  # buffers: the sensor fills one while the other is being sent

# what the wire calls it: what the module calls it
CONTROLS = {
    "brightness": "brightness",
    "contrast": "contrast",
    "saturation": "saturation",
    "exposure": "exposure_ctrl",
    "gain": "gain_ctrl",
    "whitebalance": "whitebal",
    "hmirror": "hmirror",
    "vflip": "vflip",
}


class Sensor:
    """`pins` are Camera's keyword arguments. Nothing is touched before `start`; every failure is an OSError."""

    def __init__(self, pins):
        self._pins = pins
        self._camera = None
        self._room = 0  # the largest size that the buffers were made for
        self._controls = {}

    def start(self, name, quality):
        """Turn it on, for frames of this size ("VGA") and quality (0 best .. 63)."""
        import camera

        kinds, size = camera.PixelFormat, getattr(camera.FrameSize, name)
        values = {"pixel_format": kinds.JPEG, "frame_size": size, "jpeg_quality": percent(quality)}
        values.update({"fb_count": TWO, "grab_mode": camera.GrabMode.LATEST})
        values.update(self._pins)
        self._camera = camera.Camera(**values)
        self._room = size
        for control, value in self._controls.items():
            self._write(control, value)

    def stop(self):
        if self._camera is not None:
            self._camera.deinit()
            self._camera = None

    def is_on(self):
        return self._camera is not None

    def name(self):
        return self._camera.get_sensor_name()

    def can(self, name):
        """Whether this sensor has frames of this size."""
        import camera

        return getattr(camera.FrameSize, name) <= self._camera.get_max_frame_size()

    def set_size(self, name):
        import camera

        size = getattr(camera.FrameSize, name)
        if size <= self._room:
            self._camera.set_frame_size(size)
            return
        self._camera.reconfigure(frame_size=size)  # larger buffers; it forgets what was set
        self._room = size
        for control, value in self._controls.items():
            self._write(control, value)

    def set_quality(self, quality):
        self._camera.set_quality(percent(quality))

    def set_control(self, control, value):
        """One of CONTROLS. Raises ValueError for what the sensor has not."""
        if self._camera is not None:
            self._write(control, value)
        self._controls[control] = value

    async def capture(self):
        """(JPEG, width, height), or None when nothing came; other tasks run while the sensor needs time."""
        taken = self._camera
        if hasattr(taken, "frame_available"):
            taken.free_buffer()
            for _ in range(FRAME_MS // LOOK_MS):
                if taken.frame_available():
                    break
                await asyncio.sleep(LOOK_MS / 1000)
            else:
                return None
        jpeg = taken.capture()
        return (jpeg, taken.get_pixel_width(), taken.get_pixel_height()) if jpeg else None

    def _write(self, control, value):
        getattr(self._camera, "set_" + CONTROLS[control])(value)


def percent(quality):
    """The module's 0..100, more is better, for the sensor's 0..63, less is better (get_mapped_jpeg_quality)."""
    return ((63 - quality) * 100 + 62) // 63
