"""Write the reference of the JavaScript client, `clients/js/API.md`, from the comments in its declarations.

python -m scripts.javascript_reference

The compiler writes the declarations in one layout: a comment, then a member that ends with a semicolon.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.node import CLIENT, node_program

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / CLIENT / "API.md"
HEAD = "# Reference\n\nGenerated from the comments in the sources by `python -m scripts.javascript_reference`.\n"
_EXPORTED = re.compile(r"^export (?:type )?\{([^}]*)\}", re.MULTILINE)
_DECLARED = re.compile(
    r"(?P<comment>/\*\*(?:(?!\*/).)*\*/\n)?"
    r"^export (?:declare )?(?P<modifier>abstract )?(?P<kind>class|interface|type) (?P<name>\w+)"
    r"(?P<head>[^\n]*?) ?(?:\{\n(?P<body>.*?)^\}|= (?P<type>.*?);)$(?!\n    |\n\})",
    re.MULTILINE | re.DOTALL,
)
_MEMBER = re.compile(
    r"(?P<comment>^    /\*\*(?:(?!\*/).)*\*/\n)?^    (?P<text>[\w\[].*?);$(?=\n    [^\s}]|\n?\Z)",
    re.MULTILINE | re.DOTALL,
)
_HIDDEN = re.compile(r"(?:private|protected) ")
_INHERITED = re.compile(r"(?:extends|implements) (\w+)")


@dataclass
class Member:
    """A member of a class or an interface."""

    text: str
    doc: str

    @property
    def name(self) -> str:
        """The name alone."""
        return re.split(r"[(:?<]", self.text, maxsplit=1)[0]


@dataclass
class Declaration:
    """A class, an interface or a type."""

    kind: str
    name: str
    head: str
    doc: str
    type: str
    members: list[Member] = field(default_factory=list)

    @property
    def bases(self) -> list[str]:
        """The names of the classes and interfaces of which it has the members."""
        return _INHERITED.findall(self.head)


class Declarations:
    """All declarations of the client, and the names that each entry point exports."""

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.rglob("*.d.ts"))
        texts = {path.name.removesuffix(".d.ts"): path.read_text("utf-8") for path in files}
        self.all = {found.name: found for text in texts.values() for found in _declarations(text)}
        entries = json.loads((ROOT / CLIENT / "package.json").read_text("utf-8"))["exports"]
        self.entries: dict[str, tuple[str, list[str]]] = {}
        for path, targets in entries.items():
            text = texts[Path(targets["types"]).name.removesuffix(".d.ts")]
            names = [found.name for found in _declarations(text)]
            for exported in _EXPORTED.findall(text):
                names += [name.strip().removeprefix("type ") for name in exported.split(",") if name.strip()]
            self.entries["serverless-chat" + path.removeprefix(".")] = (_text(text.partition("*/")[0]), names)

    def members(self, declaration: Declaration) -> list[Member]:
        """Return its members, and those of the bases that are no part of the reference."""
        exported = {name for _, names in self.entries.values() for name in names}
        hidden = [base for base in declaration.bases if base in self.all and base not in exported]
        return [member for base in hidden for member in self.members(self.all[base])] + declaration.members

    def undocumented(self) -> list[str]:
        """Return the exported names and members without a comment that is theirs or of a base."""
        exported = [self.all[name] for _, names in self.entries.values() for name in names]
        return [missing for declaration in exported for missing in self._undocumented(declaration)]

    def _undocumented(self, declaration: Declaration) -> Iterator[str]:
        if not declaration.doc:
            yield declaration.name
        bases = [self.all[base] for base in declaration.bases if base in self.all]
        inherited = {member.name for base in bases for member in base.members}
        for member in self.members(declaration):
            if not member.doc and member.name not in inherited:
                yield f"{declaration.name}.{member.name}"


def declarations() -> Declarations:
    """Let the compiler write the declarations, and return them. Raises RuntimeError without Node."""
    node = node_program(ROOT)
    if node is None:
        raise RuntimeError("there is no Node.js with the packages of clients/js: see `make setup`")
    with tempfile.TemporaryDirectory() as folder:
        command = [str(node), str(ROOT / CLIENT / "build.mjs"), folder, "--no-code"]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 -- the arguments are constants
        return Declarations(Path(folder))


def reference(found: Declarations) -> str:
    """Return the text of the reference."""
    parts = [HEAD]
    for entry, (doc, names) in found.entries.items():
        parts.append(f"\n## `{entry}`\n\n{doc}\n")
        for name in names:
            parts += _section(found.all[name], found.members(found.all[name]))
    return "".join(parts)


def _section(declaration: Declaration, members: list[Member]) -> Iterator[str]:
    title = declaration.name + declaration.head
    if declaration.kind == "type":
        title += f" = {declaration.type}"
    yield f"\n### `{declaration.kind} {title}`\n\n{declaration.doc}\n"
    if declaration.kind == "interface":
        yield "\n" * bool(members)
        for member in members:
            lines = member.doc.replace("\n\n", "\n").replace("\n", "\n  ")
            yield f"- `{member.text}`: {lines}\n"
        return
    for member in members:
        if member.doc:
            is_new = member.name == "constructor"
            name = f"new {declaration.name}" if is_new else f"{declaration.name}.{member.name}"
            yield f"\n#### `{member.text.replace(member.name, name, 1)}`\n\n{member.doc}\n"


def _declarations(text: str) -> Iterator[Declaration]:
    for match in _DECLARED.finditer(text):
        members = [
            Member(_signature(member["text"]), _text(member["comment"]))
            for member in _MEMBER.finditer(match["body"] or "")
            if not _HIDDEN.match(member["text"])
        ]
        kind = (match["modifier"] or "") + match["kind"]
        doc, head = _text(match["comment"]), match["head"].rstrip()
        yield Declaration(kind, match["name"], head, doc, " ".join((match["type"] or "").split()), members)


def _signature(text: str) -> str:
    """Return a member on one line, without comments and without the names of options that it takes apart."""
    text = " ".join(re.sub(r"/\*\*.*?\*/", "", text, flags=re.DOTALL).split())
    text = re.sub(r"^get (\w+)\(\)", r"\1", text).removeprefix("readonly ")
    text = re.sub(r"\{[\w, ]*\}(\??): (?=[\w<])", r"options\1: ", text)
    return re.sub(r"\b_(?=\w+:)", "", text)


def _text(comment: str | None) -> str:
    """Return the text of a comment: its tags become sentences, and its lines paragraphs."""
    lines = (comment or "").replace("*/", "").splitlines()
    stripped = "\n".join(re.sub(r"^\s*(?:/\*\*|\*)?", "", line).strip() for line in lines).strip()
    text = re.sub(r"(?<!\n)\n(?!\n|@)", " ", stripped)
    text = re.sub(r"@param (\w+)(?: -)? ", r"- `\1`: ", text)
    return re.sub(r"@(returns|throws) ", lambda tag: f"- {tag[1].title()} ", text)


if __name__ == "__main__":
    TARGET.write_text(reference(declarations()), "utf-8")
