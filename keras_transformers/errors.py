"""Errors that callers tell apart."""


class SavedModelError(ValueError):
    """A SavedModel cannot be found, downloaded or opened."""


class UntrustedModel(ValueError):  # noqa: N818
    """A saved model holds a SavedModel, which is a program, and nobody said that it is trusted."""
