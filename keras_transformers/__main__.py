"""Runs the command line: `python -m keras_transformers`."""

import sys

from keras_transformers.cli import main

sys.exit(main())
