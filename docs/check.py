"""Checks a built site: links, what pages fetch, equations, and that no public name is missing.

Run as `python docs/check.py site`; each fault is a line, and there is an exit code of 1 with any.
"""

import functools
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, os.path.dirname(__file__))
from public import HOMES

# What a browser fetches by itself, as opposed to links that a reader may follow.
FETCHED = {"audio", "embed", "iframe", "img", "link", "object", "script", "source", "video"}
VERBATIM = {"annotation", "code", "pre", "script", "style", "textarea", "title"}
RAW_EQUATION = re.compile(r"\\\[|\\\(|\$\$|\\(?:frac|mathrm|sum)\b")


class Page(HTMLParser):
    """Collects from a page its anchors, its addresses, and the equations that are still text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors, self.addresses, self.faults = {"", "__skip", "__toc"}, [], []
        self.open = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        for name in ("href", "src"):
            if attrs.get(name):
                self.addresses.append((tag, attrs[name]))
        if tag in VERBATIM:
            self.open.append(tag)
        if "katex-error" in attrs.get("class", ""):
            self.faults.append("an equation that KaTeX could not read")

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        if not self.open and (found := RAW_EQUATION.search(data)):
            around = data[max(0, found.start() - 30) : found.end() + 50]
            self.faults.append(f"an equation that is not rendered: {' '.join(around.split())}")


@functools.cache
def read(path: Path) -> Page:
    """Reads a page once."""
    return Page(path)


def faults(site: Path):
    """Yields the faults of a site, each with the page that it is on."""
    for path in sorted(site.rglob("*.html")):
        page = read(path)
        for fault in page.faults + [_fault(page, site, *found) for found in page.addresses]:
            if fault:
                yield f"{path.relative_to(site)}: {fault}"
    for style in site.rglob("*.css"):
        for address in re.findall(r"url\(['\"]?(?:https?:)?//[^)]*", style.read_text("utf-8")):
            yield f"{style.relative_to(site)}: fetches {address}"
    for name, home in HOMES.items():
        path = site / "reference" / f"{home.split('.')[1]}.html"
        if not path.is_file() or home not in read(path).anchors:
            yield f"reference: {name} is missing"


def _fault(page, site, tag, address):
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        outside = parts.scheme in ("", "http", "https")
        return f"<{tag}> fetches {address}" if outside and tag in FETCHED else None
    if page.path.name == "404.html":  # its addresses begin at the root of a server
        return None
    target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    if not target.is_file():
        return f"a link to {address}, which is not there"
    if target.suffix == ".html" and unquote(parts.fragment) not in read(target).anchors:
        return f"a link to {address}, but {target.relative_to(site)} has no such anchor"
    return None


def main() -> int:
    """Prints the faults of the site that is named; returns the exit code."""
    site = Path(sys.argv[1]).resolve()
    found = sorted(set(faults(site)))
    print(*found, sep="\n", end="\n" if found else "")
    print(
        f"{len(list(site.rglob('*.html')))} pages, {len(HOMES)} public names, {len(found)} faults"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
