"""Saving layers that were quantized."""

from typing import Any

import keras


class KeepsQuantization:
    """Saves with a layer that is made of others how these were quantized.

    Keras does so for layers that stand in a model themselves. Those inside another are made anew by
    it, from arguments that say nothing of what was done to them later.
    """

    def get_build_config(self) -> dict[str, Any] | None:
        config, parts = super().get_build_config(), quantization(self)
        return {**(config or {}), "quantization": parts} if parts else config

    def build_from_config(self, config: dict[str, Any]) -> None:
        config = dict(config)
        parts = config.pop("quantization", {})
        super().build_from_config(config)
        quantize_again(self, parts)


def quantization(layer: keras.layers.Layer) -> dict[str, Any]:
    """Returns how each of a layer's parts is quantized, for `quantize_again`."""
    return {
        str(number): keras.saving.serialize_keras_object(part.quantization_config)
        for number, part in enumerate(layer._flatten_layers())
        if part.quantization_mode
    }


def quantize_again(layer: keras.layers.Layer, parts: dict[str, Any]) -> None:
    """Quantizes the parts of a built layer; their weights are loaded afterwards."""
    for number, part in enumerate(list(layer._flatten_layers())):
        if str(number) in parts:
            part.quantize(config=keras.saving.deserialize_keras_object(parts[str(number)]))
