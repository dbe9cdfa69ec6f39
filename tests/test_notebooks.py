"""The notebooks are committed as they ran, and run again from top to bottom on the sample."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

REPOSITORY = Path(__file__).parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
SECONDS_PER_CELL = 180

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def bad_outputs(notebook):
    """Errors and whatever was written to standard error, as (cell id, text)."""
    return [
        (cell.id, output.get("text") or output.get("evalue"))
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


def without_notes(outputs):
    """Leaves out what TensorFlow's C++ code logs, at whichever level: no notebook can help it."""
    note = re.compile(
        r"WARNING: All log messages before absl|[IWE]\d{4} |\d{4}-\d\d-\d\d .*: [IWE] "
    )
    lines = [(cell, line) for cell, text in outputs for line in text.splitlines()]
    return [(cell, line) for cell, line in lines if line and not note.match(line)]


def test_there_are_notebooks():
    assert NOTEBOOKS


@every_notebook
def test_committed_as_it_ran(path):
    notebook = read(path)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "a cell was never run, or out of order"
    assert any(cell.outputs for cell in code_cells(notebook))
    assert bad_outputs(notebook) == []


@every_notebook
def test_names_no_path_of_a_machine(path):
    cells = read(path).cells
    printed = [o.text for c in cells for o in c.get("outputs", []) if o.output_type == "stream"]
    text = "\n".join([cell.source for cell in cells] + printed)
    assert str(REPOSITORY) not in text
    assert re.findall(r"(?<![\w.:])/(?:home|Users|root|tmp|var)/\S*", text) == []


@every_notebook
def test_uses_the_package_and_defines_no_class(path):
    source = "\n".join(
        TransformerManager().transform_cell(cell.source) for cell in code_cells(read(path))
    )
    nodes = list(ast.walk(ast.parse(source)))
    assert [node.name for node in nodes if isinstance(node, ast.ClassDef)] == []
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert any(str(module).split(".")[0] == "keras_transformers" for module in modules)


# Those that take longest; the functions they call are tested one by one as well.
LONG = {"02_frozen_bert", "03_fine_tuning", "04_hugging_face_bert"}


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=[pytest.mark.slow] if p.stem in LONG else []) for p in NOTEBOOKS],
    ids=lambda path: path.stem,
)
def test_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_TRANSFORMERS_DATA", "sample")
    monkeypatch.setenv("KERAS_TRANSFORMERS_QUICK", "1")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    notebook = read(path)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.reset_execution_trackers()
    for cell in code_cells(notebook):
        cell.outputs = []
    client.execute()
    assert without_notes(bad_outputs(notebook)) == []
