"""Copy the sources that are deployed, `app.py`, `chalicelib/` and the configuration, to a clean directory.

Chalice packages everything in `chalicelib/`, including caches, and reuses an earlier package from its own cache
if only a file's name changed. The copy contains only intended files, and no cache.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from infra.errors import InfraError
from infra.stage import CONFIG, Stage

DATA_FILES = {"chalicelib/openapi.json"}
"""Deployed files besides code: the document that `GET /openapi.json` serves."""
_CACHES = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def copy_project(root: Path, stage: Stage, to: Path) -> None:
    """Copy what Chalice packages, without dependencies. Raises InfraError for unexpected files."""
    to.mkdir(parents=True)
    shutil.copyfile(root / "app.py", to / "app.py")
    for path in sorted((root / "chalicelib").rglob("*")):
        relative = path.relative_to(root)
        if path.is_dir() or _CACHES & set(relative.parts):
            continue
        if path.is_symlink():
            raise InfraError(f"{relative} is a symbolic link. Replace it by a file")
        if path.suffix != ".py" and relative.as_posix() not in DATA_FILES:
            raise InfraError(
                f"{relative} is not a Python module. Remove it, or add it to DATA_FILES in infra/sources.py"
            )
        (to / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to / relative)
    (to / ".chalice").mkdir()
    for path in sorted((root / ".chalice").glob("*.json")):
        shutil.copyfile(path, to / ".chalice" / path.name)
    config = json.loads((to / CONFIG).read_text(encoding="utf-8"))
    config["stages"][stage.name]["lambda_architecture"] = stage.architecture
    (to / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    # Chalice must not install dependencies: see infra/dependencies.py.
    (to / "requirements.txt").write_text("", encoding="utf-8")
