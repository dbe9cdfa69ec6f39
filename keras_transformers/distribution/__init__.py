"""Trainings on several devices, by TensorFlow or JAX, and on several machines, by JAX."""

from keras_transformers.distribution.layout_map import layout_map
from keras_transformers.distribution.placement import Placement
from keras_transformers.distribution.processes import is_first_process, join_processes
from keras_transformers.distribution.towers import Towers

__all__ = ["Placement", "Towers", "is_first_process", "join_processes", "layout_map"]
