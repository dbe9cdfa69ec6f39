"""What importing the package costs, what it knows afterwards, and who imports whom."""

import ast
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_transformers
from keras_transformers import layers

PACKAGE = Path(keras_transformers.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {
    "official",
    "sklearn",
    "tensorflow_datasets",
    "tensorflow_hub",
    "tensorflow_text",
    "tf_keras",
    "torch",
    "transformers",
}
# Lower ones know nothing of higher ones.
RANKS = ["utils", "layers", "models", "plots", "training", "cli", "__main__"]
KNOW_NO_MODEL_FACTORY = {"data", "text", "checkpoints"}


def imports_of(path, top_level_only):
    """Full names of the modules that a file imports, outside functions or everywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.inside = isinstance(node, ast.FunctionDef) or getattr(node, "inside", False)
        if top_level_only and getattr(node, "inside", False):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_import_costs_no_more_than_keras_and_a_saved_model_opens(tmp_path):
    inputs = keras.Input((None,), dtype="int32")
    x = layers.TokenAndPositionEmbedding(8, 20, 4)(inputs)
    x = layers.MaskedAveragePooling1D()(layers.TransformerBlock(4, 2, 6)(x))
    model = keras.Model(inputs, x)
    model.compile(keras_transformers.training.FusedAdam(), "mse")
    model.save(tmp_path / "model.keras")
    code = (
        "import json, sys, keras\n"
        "before = set(sys.modules)\n"
        "import keras_transformers\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "ids = [[3, 7, 0, 0], [1, 2, 3, 4]]\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "answers = keras.ops.convert_to_numpy(model(keras.ops.array(ids))).tolist()\n"
        "print(json.dumps([sorted(new - sys.stdlib_module_names), answers]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.keras"],
        capture_output=True,
        text=True,
        check=True,
    )
    new, answers = json.loads(result.stdout)
    assert new == ["keras_transformers"]
    ids = keras.ops.array([[3, 7, 0, 0], [1, 2, 3, 4]])
    np.testing.assert_allclose(answers, keras.ops.convert_to_numpy(model(ids)), atol=1e-6)


@pytest.mark.parametrize("path", sorted((PACKAGE / "layers").glob("*.py")), ids=lambda p: p.stem)
def test_layers_import_nothing_but_keras(path):
    roots = {name.split(".")[0] for name in imports_of(path, top_level_only=True)}
    assert roots - sys.stdlib_module_names <= {"keras", "keras_transformers", "numpy"}
    own = [name.split(".") for name in imports_of(path, top_level_only=False)]
    allowed = {"layers", "utils"} | ({"checkpoints"} if path.stem == "hub_layer" else set())
    assert {name[1] for name in own if name[0] == "keras_transformers"} <= allowed


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_by_the_function_that_needs_them(path):
    roots = {name.split(".")[0] for name in imports_of(path, top_level_only=True)}
    assert not roots & HEAVY
    assert "matplotlib" not in roots or path.name == "plots.py"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    here = path.relative_to(PACKAGE).with_suffix("").parts[0]
    names = [name.split(".") for name in imports_of(path, top_level_only=False)]
    there = {name[1] for name in names if name[0] == "keras_transformers" and len(name) > 1}
    assert here == "__main__" or "cli" not in there - {here}
    if here in RANKS:
        assert not there & set(RANKS[RANKS.index(here) + 1 :])
    if here in KNOW_NO_MODEL_FACTORY:
        assert not there & {"models", "training"}


def test_public_names_are_there():
    for name in keras_transformers.__all__:
        part = getattr(keras_transformers, name)
        for public in getattr(part, "__all__", []):
            assert hasattr(part, public), f"{name}.{public}"


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'decoders'"):
        _ = keras_transformers.decoders


def test_version_is_the_installed_one():
    assert keras_transformers.__version__ == importlib.metadata.version("keras_transformers")


def test_console_script_is_the_command_line():
    from keras_transformers.cli import console

    [script] = importlib.metadata.entry_points(group="console_scripts", name="keras-transformers")
    assert script.load() is console
