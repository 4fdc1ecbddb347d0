"""The note of a restore in the artefact bucket, by which a repeated command continues."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

from infra.deploy.artefacts import Artefacts


@dataclass(frozen=True, slots=True)
class Note:
    """A restore that has begun."""

    at: str
    """The point in time."""
    history: int
    """The number of the new history."""
    old: tuple[str, str]
    """The names of the tables, of conversations and of connections, that the stage used."""
    new: tuple[str, str]
    is_gone: bool = False
    """Whether the old conversations table does not exist any more: then nothing is replayed."""
    fenced_at: float = 0.0
    """When all functions were fenced, in Unix time; 0: they are not yet."""
    done: tuple[str, ...] = field(default=())
    """The names of the steps that need not be repeated."""

    @property
    def history_id(self) -> str:
        """Return the new history id of the functions."""
        return f"{self.history}.{self.new[0]}"


class Notebook:
    """Reads and writes the note of a stage."""

    def __init__(self, artefacts: Artefacts) -> None:
        self._artefacts = artefacts

    def read(self) -> Note | None:
        """Return the note of an unfinished restore."""
        content = self._artefacts.read_note()
        if content is None:
            return None
        fields = json.loads(content)
        return Note(**{**fields, **{name: tuple(fields[name]) for name in ("old", "new", "done")}})

    def write(self, note: Note) -> Note:
        """Write the note."""
        self._artefacts.write_note(json.dumps(asdict(note)).encode())
        return note

    def mark(self, note: Note, step: str) -> Note:
        """Note that a step is done."""
        return self.write(replace(note, done=(*note.done, step)))

    def delete(self) -> None:
        """Delete the note of a finished restore."""
        self._artefacts.delete_note()
