"""JPEG pictures for tests."""

import io

from PIL import Image, ImageDraw


def jpeg(width=320, height=240, box=None, shade=90, quality=80):
    """A grey room with a light in it at `box` (left, top, right, bottom in pixels)."""
    picture = Image.new("RGB", (width, height), (shade, shade, shade))
    draw = ImageDraw.Draw(picture)
    for x in range(0, width, 40):
        draw.line((x, 0, x, height), fill=(shade + 30,) * 3)
    if box:
        draw.rectangle(box, fill=(240, 240, 200))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()
