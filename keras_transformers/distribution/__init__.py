"""Trainings on several devices and machines, by JAX."""

from keras_transformers.distribution.layout_map import layout_map
from keras_transformers.distribution.placement import Placement
from keras_transformers.distribution.processes import is_first_process, join_processes

__all__ = ["Placement", "is_first_process", "join_processes", "layout_map"]
