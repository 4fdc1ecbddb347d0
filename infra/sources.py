"""What of this checkout goes to AWS: `app.py`, `chalicelib/` and the configuration, copied to a clean place.

Chalice would pack all that lies in `chalicelib/`, caches included, and take an earlier package from its own cache
when only a file's name changed. In a copy there is nothing but what is meant, and no cache.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from infra.errors import InfraError
from infra.stage import CONFIG, Stage

DATA_FILES = {"chalicelib/openapi.json"}
"""What ships besides code: the document that `GET /openapi.json` serves."""
_CACHES = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def copy_project(root: Path, stage: Stage, to: Path) -> None:
    """Copy what Chalice packages, without dependencies. Raises InfraError for files that nobody has thought of."""
    to.mkdir(parents=True)
    shutil.copyfile(root / "app.py", to / "app.py")
    for path in sorted((root / "chalicelib").rglob("*")):
        relative = path.relative_to(root)
        if path.is_dir() or _CACHES & set(relative.parts):
            continue
        if (path.suffix != ".py" and relative.as_posix() not in DATA_FILES) or path.is_symlink():
            raise InfraError(
                f"{relative} is no Python module. Take it out, or say in infra/sources.py that it ships"
            )
        (to / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to / relative)
    (to / ".chalice").mkdir()
    for path in sorted((root / ".chalice").glob("*.json")):
        shutil.copyfile(path, to / ".chalice" / path.name)
    config = json.loads((to / CONFIG).read_text(encoding="utf-8"))
    config["stages"][stage.name]["lambda_architecture"] = stage.architecture
    (to / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    # The dependencies are not Chalice's part here: see infra/dependencies.py.
    (to / "requirements.txt").write_text("", encoding="utf-8")
