"""Training and evaluation."""

from keras_transformers.training.cached_features import cached_features
from keras_transformers.training.compare import compare
from keras_transformers.training.create_optimizer import create_optimizer
from keras_transformers.training.evaluate import evaluate
from keras_transformers.training.evaluate_translator import evaluate_translator
from keras_transformers.training.fine_tune import fine_tune
from keras_transformers.training.fit import fit
from keras_transformers.training.fused_adam import FusedAdam
from keras_transformers.training.masked_cross_entropy import MaskedCrossEntropy, TokenAccuracy
from keras_transformers.training.pretrain import pretrain
from keras_transformers.training.train_from_scratch import train_from_scratch
from keras_transformers.training.train_frozen import train_frozen
from keras_transformers.training.train_translator import train_translator
from keras_transformers.training.training_steps import training_steps
from keras_transformers.training.warmup_polynomial_decay import WarmupPolynomialDecay

__all__ = [
    "FusedAdam",
    "MaskedCrossEntropy",
    "TokenAccuracy",
    "WarmupPolynomialDecay",
    "cached_features",
    "compare",
    "create_optimizer",
    "evaluate",
    "evaluate_translator",
    "fine_tune",
    "fit",
    "pretrain",
    "train_from_scratch",
    "train_frozen",
    "train_translator",
    "training_steps",
]
