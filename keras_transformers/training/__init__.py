"""Training and evaluation."""

from keras_transformers.training.evaluate import evaluate
from keras_transformers.training.fit import fit
from keras_transformers.training.train_from_scratch import train_from_scratch

__all__ = ["evaluate", "fit", "train_from_scratch"]
