"""What virtual cameras look at: drawn with Pillow, in a process of its own beside the virtual device.

    python -m panal.virtual.scene --fd N --parent PID --name NAME

N is a listening socket that was inherited. Each line that comes is a JSON object of what the sensor is set to
(panal/virtual/camera.py) and what the bench does to it; each answer is four bytes of length and a JPEG. A frame comes
no sooner than a real sensor would give it. The process ends with the device that started it.
"""

import argparse
import io
import json
import math
import os
import socket
import threading
import time
from functools import lru_cache
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

WATCH_S = 1
LINE_BYTES = 4096
CROSSING_S = 8
EVERY_S = 40
"""Somebody walks by so often, and whenever the bench says so."""
KINDS = ("entrance", "garden", "workshop")
SENSOR_FPS = ((320 * 240, 50.0), (800 * 600, 25.0), (1 << 30, 12.5))
"""Frames a second of an OV2640 with two buffers, by pixels: the benchmark table in micropython-camera-API's README."""
DAY, NIGHT = ((126, 178, 222), (206, 224, 232)), ((9, 12, 28), (24, 26, 44))


class Look(NamedTuple):
    """One request for a frame."""

    size: tuple[int, int]
    quality: int
    """0..100, as the module `camera` says it; OV2640's own 0..63 is 63 - quality * 0.63."""
    brightness: int = 0
    contrast: int = 0
    saturation: int = 0
    exposure_ctrl: int = 1
    gain_ctrl: int = 1
    whitebal: int = 1
    hmirror: int = 0
    vflip: int = 0
    flash: int = 0
    covered: bool = False
    night: bool | None = None
    """None: by the time of day."""
    walk_ms: int = 0
    """Since when somebody walks by, in milliseconds of the day's clock; 0: nobody."""


def draw(look: Look, kind: str, now_s: float) -> bytes:
    """The JPEG that a camera of this kind of place takes at this instant."""
    is_night = look.night if look.night is not None else not 7 <= time.localtime(now_s).tm_hour < 20
    if look.covered:
        image = Image.new("RGB", look.size, (6, 4, 5))
    else:
        image = _background(kind, look.size, is_night).copy()
        _move(image, look, kind, now_s, is_night)
    image = _as_set(image, look, is_night)
    _stamp(image, kind, now_s)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=jpeg_quality(look.quality), subsampling="4:2:2")
    return out.getvalue()


def jpeg_quality(quality: int) -> int:
    """Pillow's quality for the sensor's, so that frames are about as large as an OV2640's."""
    return max(5, min(95, round(5 + quality * 0.85)))


@lru_cache(maxsize=8)
def _background(kind: str, size: tuple[int, int], is_night: bool) -> Image.Image:
    """What does not move: sky and ground, or walls and a bench, with the grain that a sensor sees."""
    width, height = size
    top, low = NIGHT if is_night else DAY
    if kind == "workshop":
        top, low = ((38, 36, 40), (26, 25, 28)) if is_night else ((196, 190, 178), (160, 152, 140))
    image = Image.linear_gradient("L").resize(size)
    image = ImageOps.colorize(image, top, low)
    pen = ImageDraw.Draw(image)
    {"entrance": _entrance, "garden": _garden, "workshop": _workshop}[kind](pen, width, height, is_night)
    grain = Image.effect_noise(size, 26 if is_night else 16).convert("RGB")
    return Image.blend(image, grain, 0.10)


def _shade(colour: tuple[int, int, int], is_night: bool) -> tuple[int, int, int]:
    part = 0.22 if is_night else 1.0
    return (int(colour[0] * part), int(colour[1] * part), int(colour[2] * part))


def _entrance(pen: ImageDraw.ImageDraw, w: int, h: int, is_night: bool) -> None:
    pen.rectangle((0, h * 0.62, w, h), fill=_shade((150, 146, 138), is_night))
    for row in range(6):
        y = h * (0.62 + 0.38 * row / 6)
        pen.line((0, y, w, y), fill=_shade((120, 116, 110), is_night), width=max(1, h // 240))
    pen.rectangle((w * 0.55, h * 0.16, w * 0.98, h * 0.66), fill=_shade((214, 190, 150), is_night))
    pen.rectangle((w * 0.68, h * 0.30, w * 0.82, h * 0.66), fill=_shade((112, 62, 40), is_night))
    pen.ellipse((w * 0.79, h * 0.48, w * 0.805, h * 0.50), fill=(230, 200, 90))
    if is_night:
        pen.ellipse((w * 0.72, h * 0.20, w * 0.78, h * 0.27), fill=(255, 226, 160))


def _garden(pen: ImageDraw.ImageDraw, w: int, h: int, is_night: bool) -> None:
    pen.rectangle((0, h * 0.58, w, h), fill=_shade((92, 148, 70), is_night))
    for x in range(20):
        left = w * x / 20
        pen.rectangle((left, h * 0.44, left + w * 0.035, h * 0.62), fill=_shade((176, 140, 100), is_night))
    pen.rectangle((w * 0.20, h * 0.36, w * 0.24, h * 0.70), fill=_shade((98, 70, 46), is_night))
    for dx, dy, r in ((0.22, 0.26, 0.11), (0.15, 0.32, 0.08), (0.29, 0.31, 0.08)):
        box = (w * (dx - r), h * (dy - r), w * (dx + r), h * (dy + r))
        pen.ellipse(box, fill=_shade((58, 116, 52), is_night))
    if is_night:
        pen.ellipse((w * 0.80, h * 0.08, w * 0.86, h * 0.16), fill=(236, 236, 220))


def _workshop(pen: ImageDraw.ImageDraw, w: int, h: int, is_night: bool) -> None:
    pen.rectangle((0, h * 0.66, w, h * 0.74), fill=_shade((150, 104, 62), is_night))
    pen.rectangle((0, h * 0.74, w, h), fill=_shade((88, 84, 82), is_night))
    for index in range(7):
        x = w * (0.06 + 0.13 * index)
        pen.rectangle((x, h * 0.20, x + w * 0.02, h * 0.42), fill=_shade((70 + 20 * index, 80, 96), is_night))
        pen.ellipse((x - w * 0.01, h * 0.40, x + w * 0.03, h * 0.48), fill=_shade((190, 60, 50), is_night))


def _move(image: Image.Image, look: Look, kind: str, now_s: float, is_night: bool) -> None:
    """What moves: a cloud or a lamp, always; and somebody who walks by."""
    pen, (w, h) = ImageDraw.Draw(image), image.size
    swing = math.sin(now_s * 2.2)
    if kind == "workshop":
        x = w * (0.72 + 0.03 * swing)
        pen.line((w * 0.72, 0, x, h * 0.16), fill=(40, 40, 40), width=max(1, w // 200))
        pen.ellipse((x - w * 0.03, h * 0.14, x + w * 0.03, h * 0.22), fill=_shade((250, 236, 170), False))
    else:
        x = (now_s * 0.008 % 1.3 - 0.2) * w
        pen.ellipse((x, h * 0.08, x + w * 0.16, h * 0.16), fill=_shade((244, 246, 248), is_night))
    passed_s = now_s - look.walk_ms / 1000 if look.walk_ms else CROSSING_S
    if not 0 <= passed_s < CROSSING_S:
        passed_s = now_s % EVERY_S
    if passed_s < CROSSING_S:
        _walker(pen, w, h, passed_s, is_night)


def _walker(pen: ImageDraw.ImageDraw, w: int, h: int, passed_s: float, is_night: bool) -> None:
    x = w * (passed_s / CROSSING_S * 1.2 - 0.1)
    step = math.sin(passed_s * 9) * w * 0.02
    thick = max(2, w // 60)
    skin, coat = _shade((224, 178, 142), is_night), _shade((176, 40, 52), is_night)
    pen.line((x, h * 0.66, x + step, h * 0.84), fill=_shade((40, 44, 70), is_night), width=thick)
    pen.line((x, h * 0.66, x - step, h * 0.84), fill=_shade((40, 44, 70), is_night), width=thick)
    pen.rounded_rectangle((x - w * 0.028, h * 0.46, x + w * 0.028, h * 0.68), radius=w // 60, fill=coat)
    pen.ellipse((x - w * 0.02, h * 0.385, x + w * 0.02, h * 0.46), fill=skin)


def _as_set(image: Image.Image, look: Look, is_night: bool) -> Image.Image:
    """The sensor's settings, each of which can be seen."""
    light = 1.0 + 0.22 * look.brightness + look.flash / 255 * (1.4 if is_night else 0.15)
    light *= 1.0 if look.exposure_ctrl else 0.6
    light *= 1.0 if look.gain_ctrl else (0.5 if is_night else 0.85)
    for enhancer, amount in (
        (ImageEnhance.Brightness, light),
        (ImageEnhance.Contrast, 1.0 + 0.25 * look.contrast),
        (ImageEnhance.Color, 1.0 + 0.4 * look.saturation),
    ):
        if abs(amount - 1.0) > 0.01:
            image = enhancer(image).enhance(amount)
    if not look.whitebal:
        image = Image.blend(image, Image.new("RGB", image.size, (255, 190, 90)), 0.18)
    if look.hmirror:
        image = ImageOps.mirror(image)
    if look.vflip:
        image = ImageOps.flip(image)
    return image


def _stamp(image: Image.Image, kind: str, now_s: float) -> None:
    """The clock, in hundredths: whoever looks at two frames sees which is the newer."""
    size = max(9, image.width // 26)
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now_s)) + f".{int(now_s * 100) % 100:02}"
    pen = ImageDraw.Draw(image)
    box = pen.textbbox((size // 3, size // 4), text, font=_font(size))
    pen.rectangle((0, 0, box[2] + size // 3, box[3] + size // 3), fill=(0, 0, 0))
    pen.text((size // 3, size // 4), text, font=_font(size), fill=(255, 255, 255))


@lru_cache(maxsize=16)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def look_of(said: dict[str, Any]) -> Look:
    """A request as a Look; what is unknown is passed over."""
    known = {name: said[name] for name in Look._fields if name in said}
    return Look(**{**known, "size": tuple(said["size"])})


def sensor_fps(size: tuple[int, int]) -> float:
    return next(fps for pixels, fps in SENSOR_FPS if size[0] * size[1] <= pixels)


def serve(connection: socket.socket, kind: str) -> None:
    """Answer one device until it goes."""
    due = 0.0
    with connection, connection.makefile("rb") as lines:
        while line := lines.readline(LINE_BYTES):
            try:
                look = look_of(json.loads(line))
            except (ValueError, KeyError, TypeError):
                return
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic()) + 1 / sensor_fps(look.size)
            jpeg = draw(look, kind, time.time())
            try:
                connection.sendall(len(jpeg).to_bytes(4, "big") + jpeg)
            except OSError:
                return


def kind_of(name: str) -> str:
    """Which place a camera looks at: by its name where that says it, else by any rule that stays."""
    return name if name in KINDS else KINDS[sum(name.encode()) % len(KINDS)]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--fd", type=int, required=True)
    options.add_argument("--parent", type=int, required=True)
    options.add_argument("--name", default="entrance")
    chosen = options.parse_args()
    listening = socket.socket(fileno=chosen.fd)
    listening.settimeout(WATCH_S)
    while os.getppid() == chosen.parent:
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        connection.settimeout(None)
        threading.Thread(target=serve, args=(connection, kind_of(chosen.name)), daemon=True).start()


if __name__ == "__main__":
    main()
