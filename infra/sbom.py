"""The software bill of materials of a bundle, in the CycloneDX format (version 1.6, ECMA-424).

It has the packages in the zip, with version and licence from their metadata, and no time: the same bundle has the
same document.
"""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from importlib import metadata
from pathlib import Path

from infra.bundle import Bundle
from infra.errors import InfraError
from infra.template.names import Json

PROJECT_LICENCE = "Apache-2.0"
FRAMEWORK = "chalice"
"""Its runtime is copied into the bundle without metadata, from the environment that builds."""
_FRAMEWORK_LICENCE = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class PackagedLibrary:
    """A library in the bundle."""

    name: str
    """The name on the package index, in lower case with hyphens (PEP 503)."""
    version: str
    licence: str
    """An SPDX expression (PEP 639)."""

    @property
    def reference(self) -> str:
        """Its package URL, which identifies it for scanners."""
        return f"pkg:pypi/{self.name}@{self.version}"


def libraries(bundle: Path) -> list[PackagedLibrary]:
    """Return the libraries in a bundle by name. Raises InfraError for one without a licence."""
    with zipfile.ZipFile(bundle) as archive:
        found = list(_with_metadata(archive))
    found.append(PackagedLibrary(FRAMEWORK, metadata.version(FRAMEWORK), _FRAMEWORK_LICENCE))
    return sorted(found, key=lambda library: library.name)


def _with_metadata(archive: zipfile.ZipFile) -> Iterator[PackagedLibrary]:
    for name in archive.namelist():
        if name.endswith(".dist-info/METADATA"):
            yield _library(message_from_bytes(archive.read(name)))


def _library(fields: Message) -> PackagedLibrary:
    licence = fields.get("License-Expression")
    if not licence:
        raise InfraError(f"{fields['Name']} names no licence as an SPDX expression: check it, and add it here")
    return PackagedLibrary(fields["Name"].lower().replace("_", "-"), fields["Version"], licence)


def bill_of_materials(app: str, version: str, bundle: Bundle) -> Json:
    """Return the document of a bundle. Raises InfraError."""
    reference = f"pkg:generic/{app}@{version}"
    found = libraries(bundle.path)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{reference}#{bundle.digest}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": reference,
                "name": app,
                "version": version,
                "licenses": [{"expression": PROJECT_LICENCE}],
                "hashes": [{"alg": "SHA-256", "content": bundle.digest}],
            }
        },
        "components": [_component(library) for library in found],
        "dependencies": [{"ref": reference, "dependsOn": [library.reference for library in found]}],
    }


def _component(library: PackagedLibrary) -> Json:
    return {
        "type": "library",
        "bom-ref": library.reference,
        "name": library.name,
        "version": library.version,
        "purl": library.reference,
        "licenses": [{"expression": library.licence}],
    }
