"""Reads the package's docstrings for the reference: turns our form into the one griffe knows."""

import os
import re
import sys

import griffe

sys.path.insert(0, os.path.dirname(__file__))
from public import HOMES, as_imported

SECTIONS = {
    "Args:": "Args: Arguments:",
    "Call arguments:": "Args: Call arguments:",
    "Example:": "Examples: Example:",
}


class Docstrings(griffe.Extension):
    """Parses all docstrings, once everything is loaded that they refer to."""

    def on_package(self, *, pkg: griffe.Module, **kwargs) -> None:
        for obj in _objects(pkg):
            obj.docstring.value = rewritten(obj.docstring.value, obj.name)
            obj.docstring.parsed = obj.docstring.parse(
                "google",
                returns_multiple_items=False,
                warn_missing_types=False,
                warn_unknown_params=False,
            )
            # The text says of which type things are, and the signature says it too.
            for number, section in enumerate(obj.docstring.parsed):
                if section.kind is griffe.DocstringSectionKind.parameters:
                    for parameter in section.value:
                        parameter.annotation = None
                elif section.kind is griffe.DocstringSectionKind.returns:
                    text = f"**Returns:**\n\n{section.value[0].description}"
                    obj.docstring.parsed[number] = griffe.DocstringSectionText(text)
        as_imported(pkg)


def _objects(parent):
    if parent.docstring:
        yield parent
    for member in parent.members.values():
        if not member.is_alias:
            yield from _objects(member)


def rewritten(text: str, name: str) -> str:
    """Returns a docstring with griffe's section titles, its symbols set and public names linked."""
    for ours, theirs in SECTIONS.items():
        text = re.sub(rf"(?m)^{ours}$", theirs, text)
    # Each equation in a paragraph of its own, or Markdown takes it for text.
    text = re.sub(r"(?ms)^( *\\\[.*?\\\])$", r"\n\1\n", text)
    return re.sub(r"(?m)^(?! *(?:>>>|\.\.\.)).*$", lambda line: _prose(line[0], name), text)


def _prose(line, name):
    def link(match):
        home = HOMES.get(match[1])
        return f"[`{match[1]}`][{home}]" if home and match[1] != name else match[0]

    line = re.sub(r"`([^`]*(?:\\[a-z]|_\{)[^`]*)`", r"\(\1\)", line)  # `\beta_2`
    return re.sub(r"(?<![`\[])`(\w*[A-Z_]\w*)`(?!`|\])", link, line)
