"""Trainings on several devices and machines, by JAX."""

from keras_transformers.distribution.layout_map import layout_map
from keras_transformers.distribution.placement import Placement, to_numpy
from keras_transformers.distribution.processes import (
    check_backend,
    from_first_process,
    is_another_process_gone,
    is_first_process,
    join_processes,
)

__all__ = [
    "Placement",
    "check_backend",
    "from_first_process",
    "is_another_process_gone",
    "is_first_process",
    "join_processes",
    "layout_map",
    "to_numpy",
]
