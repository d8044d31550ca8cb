"""What other cells may use of updates."""

from pathlib import Path
from typing import Any

from .actions import add_release
from .files import path_of
from .models import Release, ReleaseState
from .queries import available_for


def artifact_path(release_id: int) -> Path | None:
    """Where the bytes of a release lie; None where there is no such release, or it is not out."""
    found = Release.objects.filter(pk=release_id, state=ReleaseState.RELEASED).first()
    path = path_of(found.artifact) if found else None
    return path if path and path.is_file() else None


def releases_of(board: str) -> list[Any]:
    """What is out for a model, newest first."""
    return list(Release.objects.filter(board=board, state=ReleaseState.RELEASED))


__all__ = ["add_release", "artifact_path", "available_for", "releases_of"]
