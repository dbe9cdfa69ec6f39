"""A SavedModel from TensorFlow Hub as a Keras 3 layer."""

import collections
import inspect
import itertools
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_transformers.checkpoints.hub_handle import load_saved_model
from keras_transformers.errors import UntrustedModel

if TYPE_CHECKING:
    import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_transformers")
class HubLayer(keras.layers.Layer):
    """Calls a SavedModel, from TensorFlow Hub or elsewhere; its variables are the layer's weights.

    It is to Keras 3 what `hub.KerasLayer` is to Keras 2: an optimizer step changes what the
    SavedModel computes. TensorFlow backend only.

    **A SavedModel is a program.** It can read and write files, so open only those from a source
    you trust. A saved Keras model with a `HubLayer` in it opens with
    `keras.saving.load_model(path, safe_mode=False)` and is refused otherwise. The `.keras` file
    holds the handle and the current weights: the handle must still lead to the SavedModel.

    Args:
        handle: str or path: an address on tfhub.dev or kaggle.com, a local directory, or a
            `.tar.gz` archive.
        trainable: bool, whether the weights are trained. It can be switched later; compile the
            model again afterwards.
        arguments: optional dict of further keyword arguments for every call of the SavedModel.
        signature: optional str, the signature to call instead of the SavedModel itself. By default
            its only one or `"serving_default"`, if it is not callable.
        output_key: optional str, return this entry of the dict that the SavedModel returns.
        load_options: optional `tf.saved_model.LoadOptions`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: what the SavedModel takes, numbers cast to the dtype that it was traced with. Begin
            a `Sequential` model for strings with `keras.Input((), dtype="string")`.
        training: optional bool or boolean tensor, whether dropout and the like are on. It reaches
            a SavedModel whose call takes it, and only while `trainable` is True.

    Returns:
        What the SavedModel returns, nested as it is (a dict for a signature), floats cast to the
        layer's compute dtype; with `output_key` one entry of it.

    Attributes:
        resolved_object: the restored SavedModel, with whatever else it offers.
        losses: its regularization losses, while the weights they are about are trained.

    Raises:
        NotImplementedError: if the Keras backend is not TensorFlow.
        ValueError: if an argument is of another type than above, or if the SavedModel cannot be
            opened, cannot be called or has no such signature; in a call, if `output_key` is not in
            the output, or if a signature gets other inputs than its own.

    Example:
        >>> import tensorflow as tf
        >>> from keras_transformers.layers import HubLayer
        >>> module = tf.Module()
        >>> module.scale = tf.Variable(3.0)
        >>> module.__call__ = tf.function(
        ...     lambda x: x * module.scale, input_signature=[tf.TensorSpec([None], tf.float32)]
        ... )
        >>> tf.saved_model.save(module, "/tmp/scale")
        >>> layer = HubLayer("/tmp/scale", trainable=True)
        >>> layer(tf.constant([2.0])).numpy(), layer.count_params()
        (array([6.], dtype=float32), 1)
    """

    def __init__(
        self,
        handle: str | os.PathLike[str],
        trainable: bool = False,
        *,
        arguments: dict[str, Any] | None = None,
        signature: str | None = None,
        output_key: str | None = None,
        load_options: "tf.saved_model.LoadOptions | None" = None,
        **kwargs: Any,
    ) -> None:
        if keras.backend.backend() != "tensorflow":
            raise NotImplementedError(
                "`HubLayer` runs TensorFlow SavedModels and needs the TensorFlow backend: set "
                "KERAS_BACKEND=tensorflow before Keras is imported. "
                f"Received: backend {keras.backend.backend()!r}"
            )
        if not isinstance(handle, str | os.PathLike):
            raise ValueError(f"`handle` must be a string or a path. Received: handle={handle!r}")
        if "input_shape" in kwargs:  # as for Keras 2's KerasLayer
            raise ValueError(
                "`input_shape` must be left to a layer of its own: keras.Sequential("
                "[keras.Input((), dtype='string'), HubLayer(handle)]). "
                f"Received: input_shape={kwargs['input_shape']!r}"
            )
        # Without autocast, floats reach the SavedModel as precise as they came.
        super().__init__(autocast=False, **kwargs)
        self.handle = os.fspath(handle)
        self.arguments = _check_arguments(arguments)
        self.signature = signature
        self.output_key = output_key
        self.load_options = _check_load_options(load_options)

        self.resolved_object = load_saved_model(self.handle, load_options)
        self._by_signature = signature is not None or not callable(self.resolved_object)
        self._function = self._find_function()
        self._takes_training = not self._by_signature and _takes_training(self._function)
        self._share_variables()
        self._collect_regularization_losses()
        self.trainable = trainable  # Set last: Keras passes it on to the weights there are.
        self.supports_jit = not _needs_strings(self._function)
        self.built = True

    def __call__(self, inputs, *arguments, **options):
        # Keras takes strings only as tensors.
        if isinstance(inputs, list | tuple) and inputs and all(isinstance(x, str) for x in inputs):
            import tensorflow as tf

            inputs = tf.constant(list(inputs))
        return super().__call__(inputs, *arguments, **options)

    def call(self, inputs, training=None):
        if self._by_signature:
            inputs = self._by_name(inputs)
        inputs = _cast_like(inputs, self._traced_inputs())
        if self._takes_training:
            outputs = ops.cond(
                False if training is None or not self.trainable else training,
                lambda: self.run(inputs, training=True),
                lambda: self.run(inputs, training=False),
            )
        else:
            outputs = self.run(inputs)
        return _cast_floats(self._pick(outputs), self.compute_dtype)

    def run(self, inputs: Any, **options: Any) -> Any:
        """Returns what the SavedModel itself returns, without casts and `output_key`."""
        options |= self.arguments
        if self._by_signature:
            return self._function(**inputs, **options)
        return self._function(inputs, **options)

    def _by_name(self, inputs):
        names = sorted(name for name in self._traced_inputs()[0] if name not in self.arguments)
        if not isinstance(inputs, Mapping) and len(names) == 1:
            return {names[0]: inputs}
        received = sorted(inputs) if isinstance(inputs, Mapping) else type(inputs).__name__
        if received != names:
            raise ValueError(
                f"`inputs` must be a dictionary with the keys {names}. Received: {received}"
            )
        return inputs

    def _pick(self, outputs):
        if self.output_key is None:
            return outputs
        keys = list(outputs) if isinstance(outputs, Mapping) else []
        if self.output_key not in keys:
            raise ValueError(
                "`output_key` must be a key of the dictionary that the SavedModel returns, one "
                f"of {sorted(keys)}. Received: output_key={self.output_key!r}"
            )
        return outputs[self.output_key]

    def _find_function(self):
        if not self._by_signature:
            return self.resolved_object.__call__
        signatures = getattr(self.resolved_object, "signatures", {})
        if not signatures and self.signature is None:
            raise ValueError(
                "`handle` must lead to a SavedModel that is callable or has signatures. "
                f"Received: handle={self.handle!r}"
            )
        default = next(iter(signatures)) if len(signatures) == 1 else "serving_default"
        name = self.signature or default
        if name not in signatures:
            raise ValueError(
                f"`signature` must be a signature of {self.handle}, one of {sorted(signatures)}. "
                f"Received: signature={self.signature!r}"
            )
        return signatures[name]

    def _traced_inputs(self):
        """Returns one nest of tensor specs for every way the SavedModel was traced."""
        traced = [trace.structured_input_signature for trace in _traces(self._function)]
        if self._by_signature:
            return [named for _, named in traced]
        return [positional[0] for positional, _ in traced if positional]

    def _share_variables(self):
        """Makes the SavedModel's variables this layer's weights, without copying them."""
        used = [v for trace in _traces(self._function) for v in trace.variables]
        variables = _unique([*getattr(self.resolved_object, "variables", []), *used])
        # Keras has no weights that are strings; the SavedModel brings their values along.
        variables = [v for v in variables if v.dtype != "string"]
        by_default = [v for v in variables if v.trainable]
        trainable = getattr(self.resolved_object, "trainable_variables", by_default)
        trainable = {id(v) for v in trainable}

        with keras.name_scope(self.name):
            # Keras finds the variables among a layer's attributes and makes them its weights.
            self._shared_variables = [
                keras.Variable(v, trainable=id(v) in trainable, autocast=False, name=name)
                for v, name in zip(variables, _weight_names(variables), strict=True)
            ]

    def _collect_regularization_losses(self):
        """Makes each of the SavedModel's losses the regularizer of a weight that it is about."""
        losses = collections.defaultdict(list)
        for loss in getattr(self.resolved_object, "regularization_losses", []):
            about = {id(v) for trace in _traces(loss) for v in trace.variables}
            carriers = [w for w in self.trainable_weights if id(w.value) in about]
            for weight in (carriers or self.trainable_weights)[:1]:
                losses[id(weight)].append(loss)
        for weight in self.trainable_weights:
            if weight_losses := losses[id(weight)]:
                # Keras calls it once a step, and only while the weight is trainable.
                weight.regularizer = lambda _, of=weight_losses: sum(loss() for loss in of)

    def get_config(self):
        return {
            **super().get_config(),
            "handle": self.handle,
            "arguments": keras.saving.serialize_keras_object(self.arguments),
            "signature": self.signature,
            "output_key": self.output_key,
            "load_options": _options_to_config(self.load_options),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        """Creates the layer, unless Keras' safe mode is on: a SavedModel is a program.

        `safe_mode` is as in Keras' own layers: None means what the loading function was told, and
        to refuse where there is none.

        Raises:
            UntrustedModel: if safe mode is on.
        """
        if not _is_trusted(safe_mode):
            raise UntrustedModel(
                "A `HubLayer` runs the program in the SavedModel that its handle names. If you "
                "trust it, pass safe_mode=False to the loading function or call "
                "keras.config.enable_unsafe_deserialization() first. "
                f"Received: handle={config['handle']!r}, in safe mode"
            )
        restore = {
            "arguments": keras.saving.deserialize_keras_object,
            "load_options": _options_from_config,
        }
        return cls(**{k: restore[k](v) if k in restore else v for k, v in config.items()})


class _Probe(keras.layers.TFSMLayer):
    def __init__(self):
        """Opens nothing: what is asked is whether Keras' own layer for SavedModels would."""


def _is_trusted(safe_mode):
    try:
        return bool(_Probe.from_config({}, safe_mode=safe_mode))
    except ValueError:
        return False


def _traces(function):
    """Returns the concrete functions that were saved for a function."""
    return getattr(function, "concrete_functions", [function])


def _takes_training(function):
    return "training" in inspect.signature(function).parameters


def _needs_strings(function):
    """Returns whether strings or look-up tables take part, which XLA cannot compile."""
    import tensorflow as tf

    string = tf.string.as_datatype_enum
    graphs = [trace.graph.as_graph_def() for trace in _traces(function)]
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [
        node for graph in graphs for called in graph.library.function for node in called.node_def
    ]
    return any(
        "String" in node.op
        or node.op.startswith("LookupTable")
        or any(string in (value.type, *value.list.type) for value in node.attr.values())
        for node in nodes
    )


def _check_arguments(arguments):
    if arguments is not None and not isinstance(arguments, Mapping):
        raise ValueError(f"`arguments` must be a dictionary. Received: arguments={arguments!r}")
    return dict(arguments or {})


def _check_load_options(options):
    import tensorflow as tf

    if options is not None and not isinstance(options, tf.saved_model.LoadOptions):
        raise ValueError(
            "`load_options` must be a tf.saved_model.LoadOptions. "
            f"Received: load_options={options!r}"
        )
    return options


def _cast_like(inputs, traced):
    """Casts numbers to the dtypes of that nest of specs which is nearest to the inputs' own."""
    import tensorflow as tf

    def fits(specs):
        try:
            tf.nest.assert_same_structure(inputs, specs)
        except (TypeError, ValueError):
            return False
        return all(hasattr(spec, "dtype") for spec in tf.nest.flatten(specs))

    def distance(specs):
        pairs = zip(tf.nest.flatten(inputs), tf.nest.flatten(specs), strict=True)
        dtypes = [(x.dtype, spec.dtype) for x, spec in pairs]
        return sum((a != b) + (a.is_floating != b.is_floating) for a, b in dtypes)

    def cast(x, spec):
        return x if tf.string in (x.dtype, spec.dtype) else tf.cast(x, spec.dtype)

    fitting = [specs for specs in traced if fits(specs)]
    if not fitting:
        return inputs  # TensorFlow's own error says what the SavedModel takes.
    return tf.nest.map_structure(cast, inputs, min(fitting, key=distance))


def _cast_floats(outputs, dtype):
    import tensorflow as tf

    def cast(x):
        return tf.cast(x, dtype) if tf.is_tensor(x) and x.dtype.is_floating else x

    is_float = keras.backend.is_float_dtype(dtype)  # A layer for strings may be of dtype "string".
    return tf.nest.map_structure(cast, outputs) if is_float else outputs


def _unique(variables):
    return list({id(v): v for v in variables}.values())


def _weight_names(variables):
    """Returns a name of its own for each, such as `layer_0.query.kernel`: Keras takes no slash."""
    names = []
    for v in variables:
        name = v.name.removesuffix(":0").replace("/", ".")
        numbered = (f"{name}_{i}" for i in itertools.count(1))
        names.append(next(n for n in itertools.chain([name], numbered) if n not in names))
    return names


def _options_to_config(options):
    if options is None:
        return None
    names = inspect.signature(type(options)).parameters
    values = {name: getattr(options, name) for name in names}
    return {name: getattr(value, "value", value) for name, value in values.items()}


def _options_from_config(config):
    import tensorflow as tf

    return None if config is None else tf.saved_model.LoadOptions(**config)
