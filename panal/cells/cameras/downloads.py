"""The bytes of pictures and films, to who may see them: in part where a player asks for a part."""

from pathlib import Path

import simplejpeg
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from whitenoise.responders import MissingFileError, StaticFile

KEPT = "private, max-age=3600"
"""In the person's own browser only: a proxy must never show it to the next one."""
SMALL_PX = 320
SMALL_QUALITY = 70


def answer(request: HttpRequest, path: Path, content_type: str, name: str = "") -> HttpResponseBase:
    """The file, or the stretch of it that `Range` names. `name`: it is saved under this name. Gone meanwhile: 404."""
    headers = [("Content-Type", content_type), ("Cache-Control", KEPT)]
    try:
        found = StaticFile(str(path), headers).get_response(request.method, request.META)
    except (MissingFileError, FileNotFoundError):
        raise Http404 from None
    response: HttpResponseBase = FileResponse(found.file) if found.file else HttpResponse()
    response.status_code = int(found.status)
    for header, value in found.headers:
        response[header] = value
    response["Accept-Ranges"] = "bytes"
    response["Content-Disposition"] = f'attachment; filename="{name}"' if name else "inline"
    return response


def small(path: Path) -> HttpResponse:
    """A JPEG at most about 320 px high or wide: decoded at an eighth, a quarter or half of its size, which is cheap."""
    try:
        data = path.read_bytes()
        pixels = simplejpeg.decode_jpeg(data, "RGB", fastdct=True, min_height=SMALL_PX // 2, min_width=SMALL_PX)
        data = simplejpeg.encode_jpeg(pixels, quality=SMALL_QUALITY)
    except (OSError, ValueError):
        raise Http404 from None
    return HttpResponse(data, "image/jpeg", headers={"Cache-Control": KEPT})
