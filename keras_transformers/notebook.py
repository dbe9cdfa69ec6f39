"""`%load_ext keras_transformers.notebook`, the first line of a notebook, keeps it quiet."""

import logging
import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

# What says nothing to a reader of a notebook: that the mean over the tokens leaves BERT's pooler
# without a gradient, and that there is no widget for a download.
_PASSED_OVER = ("Gradients do not exist", "IProgress not found")


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Shows pictures in the notebook, and neither start-up notes nor notes on what is traced.

    TensorFlow's start-up notes, on a missing GPU for one, are left out by importing this package
    before anything that loads TensorFlow.
    """
    import tensorflow as tf

    # It writes of what it leaves as it is, as in a BERT's preprocessing model, whatever the level.
    tf.config.optimizer.set_experimental_options({"loop_optimization": False})
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    for message in _PASSED_OVER:
        warnings.filterwarnings("ignore", message=message)
    os.environ.update(HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_VERBOSITY="error")
    shell.run_line_magic("matplotlib", "inline")
