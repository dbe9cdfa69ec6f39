"""The package's public names, read from its sources; nothing of it is imported."""

from pathlib import Path

import griffe

ROOT = Path(__file__).resolve().parents[1]


def as_imported(package: griffe.Module) -> None:
    """Lets a function stand for its name where griffe keeps the module of that name.

    `data.bucketed_batches` is a module with a function `bucketed_batches` that `data` imports.
    """
    for name, module in list(package.members.items()):
        if module.is_alias or not module.is_module:
            continue
        as_imported(module)
        if name in module.members and not module.members[name].is_alias:
            package.members[name] = griffe.Alias(name, module.members[name], parent=package)


def _load():
    package = griffe.load("keras_transformers", search_paths=[ROOT])
    as_imported(package)
    modules = {name: package[name] for name in package.exports if not name.startswith("__")}
    homes, names = {}, {}
    for module in modules.values():
        # Without `__all__`: the functions and classes that it defines.
        public = module.exports or [
            name
            for name, member in module.members.items()
            if member.is_public and (member.is_function or member.is_class) and not member.is_alias
        ]
        names[module.name] = sorted(public, key=lambda name: (name.islower(), name))
        homes |= {name: f"{module.path}.{name}" for name in public if name in module.members}
    return modules, {module: found for module, found in names.items() if found}, homes


# Modules by name; the public names of each; and where each name lives.
MODULES, NAMES, HOMES = _load()


def member(name: str) -> griffe.Object:
    """Returns what a public name stands for."""
    _, module, name = HOMES[name].split(".")
    found = MODULES[module].members[name]
    return found.final_target if found.is_alias else found


def defined_in(path: Path) -> list[str]:
    """Returns the public names that a file of the package defines."""
    return [name for name in HOMES if Path(member(name).filepath) == path]
