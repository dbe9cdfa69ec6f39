"""What importing the package costs, what it knows afterwards, and who imports whom."""

import ast
import graphlib
import importlib.metadata
import inspect
import json
import os
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
# What a function imports that needs it, so that the rest works without it.
HEAVY = {
    "huggingface_hub",
    "matplotlib",
    "official",
    "pkg_resources",
    "sacrebleu",
    "safetensors",
    "sentencepiece",
    "sklearn",
    "tensorflow",
    "tensorflow_datasets",
    "tensorflow_hub",
    "tensorflow_text",
    "tf_keras",
    "torch",
    "tqdm",
    "transformers",
}
# Each imports those in front of it only.
RANKS = [
    "version",
    "utils",
    "errors",
    "layers",
    "decoding",
    "distribution",
    "data",
    "checkpoints",
    "text",
    "models",
    "hub",
]
RANKS += ["plots", "viewer", "training", "notebook", "cli", "__main__"]


def imports_of(path, top_level_only):
    """Full names of the modules that a file imports, outside functions or everywhere.

    What is imported for type checkers alone is left out.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = [
        statement
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
    ]
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            in_function = isinstance(node, ast.FunctionDef)
            child.inside = in_function or getattr(node, "inside", False)
        if node in for_types or (top_level_only and getattr(node, "inside", False)):
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


BARE = """
import importlib.abc
import sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())

import keras
import numpy as np

import keras_transformers
from keras_transformers.models import BertEncoder, transformer_classifier

ids = np.array([[3, 7, 0, 0], [1, 2, 3, 4]])
assert transformer_classifier(20, 8, 4)(ids).shape == (2, 4)
symbolic = {"input_word_ids": keras.Input((None,), dtype="int32")}
assert BertEncoder(20, 2, 8, 2, 16)(symbolic)["pooled_output"].shape == (None, 8)
"""


def test_keras_numpy_and_a_backend_are_enough():
    pytest.importorskip("jax")
    subprocess.run(
        [sys.executable, "-c", BARE, *HEAVY],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        check=True,
    )


@pytest.mark.parametrize("path", sorted((PACKAGE / "layers").rglob("*.py")), ids=lambda p: p.stem)
def test_layers_import_nothing_but_keras(path):
    roots = {name.split(".")[0] for name in imports_of(path, top_level_only=True)}
    assert roots - sys.stdlib_module_names <= {"keras", "keras_transformers", "numpy"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_by_the_function_that_needs_them(path):
    roots = {name.split(".")[0] for name in imports_of(path, top_level_only=True)}
    assert not roots & HEAVY


def module_name(path):
    parts = ("keras_transformers", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(part for part in parts if part != "__init__")


def own_imports(path):
    """Names of the package's modules that a file imports, in functions too."""
    known = {module_name(module) for module in MODULES}
    for name in imports_of(path, top_level_only=False):
        if name.partition(".")[0] == "keras_transformers":
            # `from module import name` may import a module or what is in one.
            yield name if name in known else name.rpartition(".")[0]


@pytest.mark.parametrize("path", MODULES[1:], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    here = module_name(path).split(".")[1]
    there = {name.split(".")[1] for name in own_imports(path)}
    assert {RANKS.index(name) for name in there - {here}} <= set(range(RANKS.index(here)))


def test_imports_run_in_no_circle():
    graph = {module_name(path): set(own_imports(path)) for path in MODULES}
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("package", "name"),
    [("layers", "HubLayer"), ("models", "hub_classifier")],
)
def test_what_runs_a_saved_model_is_found_where_one_looks_for_it(package, name):
    package = getattr(keras_transformers, package)
    assert getattr(package, name) is getattr(keras_transformers.hub, name)
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'x'"):
        _ = package.x


def test_public_names_are_there():
    for name in keras_transformers.__all__:
        part = getattr(keras_transformers, name)
        for public in getattr(part, "__all__", []):
            assert hasattr(part, public), f"{name}.{public}"


def public_names():
    for part in sorted(set(keras_transformers.__all__) - {"__version__"}):
        module = getattr(keras_transformers, part)
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if name[0] != "_" and getattr(value, "__module__", "") == module.__name__
        ]
        yield from ((module, name) for name in names)


def functions_of(public):
    """A function, or a class' constructor, methods and properties; Keras' own methods left out."""
    if not inspect.isclass(public):
        return [public]
    ours = [base for base in public.__mro__ if base.__module__.startswith("keras_transformers.")]
    inherited = {name for base in set(public.__mro__) - set(ours) for name in vars(base)}
    members = {
        name: getattr(member, "fget", getattr(member, "func", getattr(member, "__func__", member)))
        for base in ours
        for name, member in vars(base).items()
        if name == "__init__" or not (name.startswith("_") or name in inherited)
    }
    return [member for member in members.values() if inspect.isfunction(member)]


@pytest.mark.parametrize(
    ("module", "name"),
    [pytest.param(*public, id=f"{public[0].__name__}.{public[1]}") for public in public_names()],
)
def test_public_names_say_their_types(module, name):
    for function in functions_of(getattr(module, name)):
        signature = inspect.signature(function)
        untyped = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.annotation is inspect.Parameter.empty
            and parameter.name not in ("self", "cls")
        ]
        assert untyped == [], function.__qualname__
        assert signature.return_annotation is not inspect.Signature.empty, function.__qualname__


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'decoders'"):
        _ = keras_transformers.decoders


def test_version_is_the_installed_one():
    assert keras_transformers.__version__ == importlib.metadata.version("keras_transformers")


def test_console_script_is_the_command_line():
    from keras_transformers.cli import console

    [script] = importlib.metadata.entry_points(group="console_scripts", name="keras-transformers")
    assert script.load() is console
