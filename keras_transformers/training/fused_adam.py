"""Adam whose step is one kernel."""

import keras
from keras import ops

from keras_transformers.utils import Tensor


class FusedStep:
    """Takes the step of an Adam or AdamW in TensorFlow's own kernel, where TensorFlow runs it.

    Written out in operations, as Keras has it, a step goes a dozen times through weights and
    moments; the kernel goes once. The gradient of an embedding, which holds a row for each look-up,
    is added up first: Keras squares a word's rows one by one.
    """

    def update_step(
        self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor
    ) -> None:
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        def as_weights(value):
            return tf.cast(value, variable.dtype)

        index = self._get_variable_index(variable)
        step = as_weights(self.iterations + 1)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=ops.power(as_weights(self.beta_1), step),
            beta2_power=ops.power(as_weights(self.beta_2), step),
            lr=as_weights(learning_rate),
            beta1=as_weights(self.beta_1),
            beta2=as_weights(self.beta_2),
            epsilon=as_weights(self.epsilon),
            grad=as_weights(tf.convert_to_tensor(gradient)),
        )


@keras.saving.register_keras_serializable(package="keras_transformers")
class FusedAdam(FusedStep, keras.optimizers.Adam):
    r"""Adam (Kingma and Ba, 2015, arXiv 1412.6980), in TensorFlow's own kernel.

    \[ m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad
       v \leftarrow \beta_2 v + (1 - \beta_2) g^2 \]
    \[ \theta \leftarrow \theta
       - \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \frac{m}{\sqrt{v} + \epsilon} \]

    The arguments are those of `keras.optimizers.Adam`, whose step it takes on other backends and
    with `amsgrad`. The two agree but for an embedding's gradient `g`: here a word's rows in it are
    added up, there they are squared one by one.
    """
