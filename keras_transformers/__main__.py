"""Runs the command line: `python -m keras_transformers`."""

from keras_transformers.cli import console

console()
