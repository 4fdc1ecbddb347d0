"""Chromium and the fonts of the browser tests, from Debian's packages; without them, those tests are skipped.

Set-up installs them where it may: as root, with apt. It tries that once in a checkout. The headless shell of
Chromium takes less CPU time and renders the same pixels. Where there is another Chromium, set-up installs no
second one: apt could change the version of the first.

Standard library only: this module runs before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from scripts.node import WEB
from scripts.uv import LOGS

_SHELL = "chromium-headless-shell"
_FONTS = ("fonts-noto-core", "fonts-noto-color-emoji", "fonts-dejavu-core")
PACKAGES = (_SHELL, *_FONTS)
FONTS = (
    Path("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"),
    Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"),
)
"""Of text, emoji and code."""
MISSING = f"there is no Chromium: as root, `apt install {' '.join(PACKAGES)}`"
APT_SECONDS = 300
_NAMES = (_SHELL, "chromium", "chromium-browser", "google-chrome")


def chromium() -> Path | None:
    """Return Chromium, preferably its headless shell, or None if it is not installed."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return None if found is None else Path(found)


def has_fonts() -> bool:
    """Return whether the fonts are installed under which the reference screenshots were taken."""
    return all(font.exists() for font in FONTS)


def missing_packages() -> list[str]:
    """Return the packages to install."""
    return [*([] if chromium() else [_SHELL]), *([] if has_fonts() else _FONTS)]


def is_prepared(root: Path) -> bool:
    """Return whether there is nothing left to do: the checkout has no page, or set-up tried it, or may not."""
    return not missing_packages() or not (root / WEB).exists() or not _may_install() or _attempt(root).exists()


def prepare(root: Path) -> bool:
    """Install the missing packages, and return whether everything is there."""
    _attempt(root).touch()
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing_packages()]
    with (root / LOGS / "apt.log").open("w", encoding="utf-8") as log:
        for arguments in (command, ["apt-get", "update", "--quiet"], command):
            try:
                done = subprocess.run(  # noqa: S603  (the arguments are constants)
                    arguments,
                    env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=APT_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                break
            if arguments is command and done.returncode == 0:
                break
    return not missing_packages()


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _attempt(root: Path) -> Path:
    return root / LOGS / "apt-attempt"
