"""Which weights are divided among devices, and along which axis."""

import re

import keras
from keras.distribution import DeviceMesh, LayoutMap

# The first product of a pair is divided by its columns, the second by its rows: what lies between
# them, heads or hidden units, never leaves its device (Shoeybi et al., 2019, arXiv 1909.08053,
# section 3). Underscores are in the paths of an optimizer's moments, which go with their weights.
AXES = {
    "token_embedding[/_]embeddings": ("model", None),
    "(head|decoder)[/_]output[/_]bias": ("model",),
    "attention[/_](query|key|value)[/_]kernel": (None, "model"),
    "attention[/_](query|key|value)[/_]bias": ("model",),
    "attention[/_]output[/_]kernel": ("model", None),
    "feed_forward_hidden[/_]kernel": (None, "model"),
    "feed_forward_hidden[/_]bias": ("model",),
    "feed_forward_output[/_]kernel": ("model", None),
}


def layout_map(model: keras.Model, device_mesh: DeviceMesh | None = None) -> LayoutMap:
    """Says how the weights of a model of this package are divided among devices.

    Embeddings are divided by vocabulary, attention by heads, feed-forward networks by width
    (Shoeybi et al., 2019, arXiv 1909.08053, section 3). Weights of a kind that do not divide, and
    all others, lie on every device.

    Args:
        model: a built `BertEncoder`, classifier, masked language model or translator.
        device_mesh: a mesh with an axis `"model"`. None makes one of all devices, whose other
            axis, `"batch"`, has the length 1.

    Returns:
        A map from paths of weights, as regular expressions, to layouts, which
        `keras.distribution.ModelParallel` takes too. It has no entry for what is not divided.

    Example:
        >>> from keras_transformers.distribution import layout_map
        >>> from keras_transformers.models import transformer_classifier
        >>> layouts = layout_map(transformer_classifier(100, 16, 8, 2, 8, 4))
        >>> layouts["block_0/attention/query/kernel"].axes
        (None, 'model')
    """
    if device_mesh is None:
        devices = keras.distribution.list_devices()
        device_mesh = DeviceMesh((1, len(devices)), ["batch", "model"], devices)
    size = dict(zip(device_mesh.axis_names, device_mesh.shape, strict=True))["model"]
    layouts = LayoutMap(device_mesh)
    for name, axes in AXES.items():
        path = rf".*{name}(_[^/]*)?"
        shapes = [weight.shape for weight in model.weights if re.fullmatch(path, weight.path)]
        if all(shape[axes.index("model")] % size == 0 for shape in shapes):
            layouts[path] = axes
    return layouts
