"""Optimizers for dense and repeated rows alike, on one device or many, and the learning rates.

Keras 3's Adam squares a sparse gradient before it adds up the rows of a repeated word, so that its
second moment is too small and differs between one device and several. Here a gradient is made
dense, summed over replicas, *then* clipped, then applied by TensorFlow's fused kernel.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf


def learning_rate(epoch: int, base: float, decay: float, every: int) -> float:
    """The rate of an epoch (counted from 0): `base` times `decay` once per `every` full epochs.

    Section 4.3 divides 0.001 by 1.2 every 5 epochs: `learning_rate(epoch, 0.001, 1 / 1.2, 5)`.
    The released code multiplies by 0.8 every 8: `learning_rate(epoch, 0.001, 0.8, 8)`.
    """
    return base * decay ** (epoch // every)


class Optimizer:
    """What all optimizers share: gradients of replicas become one step of every variable.

    Create it where the variables were created (under the same `strategy.scope()`), so that its
    slots are mirrored like them. `step` counts the updates.

    Attributes:
        kinds: the slots of each variable, by the first part of their name in a checkpoint.
    """

    kinds: tuple[str, ...]

    def __init__(self, variables: Mapping[str, tf.Variable]):
        self.variables = dict(variables)
        # Every replica computes the same next step, so one replica's count is everyone's.
        self.step = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            name="step",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self._slots = {
            kind: {name: _slot(name, kind, value) for name, value in self.variables.items()}
            for kind in self.kinds
        }

    def apply(
        self,
        gradients: Mapping[str, tf.Tensor | tf.IndexedSlices],
        learning_rate: float | tf.Tensor,
        clip_norm: float | None = None,
    ) -> None:
        """Updates every variable once. Call it in `strategy.run`, outside of any condition or loop.

        Args:
            gradients: one per variable, each replica's own part of the sum.
            learning_rate: the schedule's rate, before the optimizer's own correction.
            clip_norm: largest norm of each gradient by itself, measured on the sum over replicas.

        Raises:
            ValueError: a variable has no gradient, or a gradient no variable.
        """
        names = self._check(gradients)
        total = _sum_over_replicas([tf.convert_to_tensor(gradients[name]) for name in names])
        if clip_norm is not None:
            total = [tf.clip_by_norm(gradient, clip_norm) for gradient in total]
        rate = self._corrected_rate(learning_rate)
        tf.distribute.get_replica_context().merge_call(
            self._update, args=(dict(zip(names, total, strict=True)), rate)
        )

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint stores: `step`, and `<kind>/<name>` of each slot and variable."""
        return {name: value.numpy() for name, value in self.slots().items()}

    def slots(self) -> dict[str, tf.Variable]:
        """The optimizer's own variables under the names of `state`."""
        slots = {f"{k}/{n}": slot for k, of in self._slots.items() for n, slot in of.items()}
        return {"step": self.step, **slots}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Sets what `state` returned; the caller has checked names and shapes."""
        for name, value in self.slots().items():
            value.assign(state[name])

    def _check(self, gradients: Mapping[str, tf.Tensor | tf.IndexedSlices]) -> list[str]:
        missing = [name for name in self.variables if gradients.get(name) is None]
        extra = [name for name in gradients if name not in self.variables]
        if missing or extra:
            raise ValueError(f"no gradient for {missing}, no variable for {extra}")
        return list(self.variables)

    def _update(self, strategy, gradients, rate) -> None:
        """Runs once for all replicas: each variable's copies are updated where they are."""
        for name, variable in self.variables.items():
            slots = [of[name] for of in self._slots.values()]
            strategy.extended.update(variable, self._apply, (*slots, gradients[name], rate))
        strategy.extended.update(self.step, lambda step: step.assign_add(1))

    def _apply(self, variable, *slots_gradient_rate) -> None:
        """Calls the kernel with everything in the variable's type."""
        *slots, gradient, rate = slots_gradient_rate
        kind = variable.dtype
        self._kernel(variable, *slots, tf.cast(gradient, kind), tf.cast(rate, kind))

    def _corrected_rate(self, rate: float | tf.Tensor) -> tf.Tensor:
        """The rate of the next step, float32."""
        return tf.cast(rate, tf.float32)

    def _kernel(self, variable, *slots_gradient_rate) -> None:
        """TensorFlow's fused update of one variable and its slots."""
        raise NotImplementedError


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, the form at the end of their section 2) with dense moments.

        m = beta_1 m + (1 - beta_1) g        alpha = rate sqrt(1 - beta_2^t) / (1 - beta_1^t)
        v = beta_2 v + (1 - beta_2) g^2      w = w - alpha m / (sqrt(v) + epsilon)

    Rows that a batch does not touch have g = 0 and still move: no lazy update.
    """

    kinds = ("m", "v")

    def __init__(
        self,
        variables: Mapping[str, tf.Variable],
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        super().__init__(variables)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.m, self.v = self._slots["m"], self._slots["v"]

    def _corrected_rate(self, rate: float | tf.Tensor) -> tf.Tensor:
        """`alpha` of the next step, in float32.

        In float64, because 1 - beta_2^t is about 0.001 in the first steps: float32 would leave it
        only 4 to 5 digits. From the float32 values of the betas, because the kernel decays
        the moments with those, and the correction must be the inverse of that decay.
        """
        step = tf.cast(self.step + 1, tf.float64)
        first = 1 - tf.pow(_float32_in_float64(self.beta_1), step)
        second = 1 - tf.pow(_float32_in_float64(self.beta_2), step)
        return tf.cast(tf.cast(rate, tf.float64) * tf.sqrt(second) / first, tf.float32)

    def _kernel(self, variable, m, v, gradient, alpha) -> None:
        kind = variable.dtype
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=m.handle,
            v=v.handle,
            # `alpha` carries the correction already; powers of 0 make the kernel's own one 1.
            beta1_power=tf.zeros([], kind),
            beta2_power=tf.zeros([], kind),
            lr=alpha,
            beta1=tf.constant(self.beta_1, kind),
            beta2=tf.constant(self.beta_2, kind),
            epsilon=tf.constant(self.epsilon, kind),
            grad=gradient,
        )


class RMSProp(Optimizer):
    """RMSProp (Tieleman and Hinton, 2012), with Keras's constants and its place of epsilon.

    s = rho s + (1 - rho) g^2        w = w - rate g / sqrt(s + epsilon)
    """

    # TensorFlow's kernel has a momentum too. It is 0 here, so that `last` holds the last step.
    kinds = ("s", "last")

    def __init__(
        self, variables: Mapping[str, tf.Variable], rho: float = 0.9, epsilon: float = 1e-7
    ):
        super().__init__(variables)
        self.rho, self.epsilon = rho, epsilon

    def _kernel(self, variable, s, last, gradient, rate) -> None:
        kind = variable.dtype
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=s.handle,
            mom=last.handle,
            lr=rate,
            rho=tf.constant(self.rho, kind),
            momentum=tf.zeros([], kind),
            epsilon=tf.constant(self.epsilon, kind),
            grad=gradient,
        )


class SGD(Optimizer):
    """Gradient descent with Nesterov's momentum, in Keras's form, and its rate's decay per step.

    rate_t = rate / (1 + decay t), t counted from 0
    a = momentum a - rate_t g        w = w + momentum a - rate_t g
    """

    kinds = ("a",)

    def __init__(
        self, variables: Mapping[str, tf.Variable], momentum: float = 0.9, decay: float = 1e-6
    ):
        super().__init__(variables)
        self.momentum, self.decay = momentum, decay

    def _corrected_rate(self, rate: float | tf.Tensor) -> tf.Tensor:
        slower = 1 + self.decay * tf.cast(self.step, tf.float64)
        return tf.cast(tf.cast(rate, tf.float64) / slower, tf.float32)

    def _kernel(self, variable, a, gradient, rate) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=a.handle,
            lr=rate,
            grad=gradient,
            momentum=tf.constant(self.momentum, variable.dtype),
            use_nesterov=True,
        )


OPTIMIZERS = {"adam": Adam, "rmsprop": RMSProp, "sgd": SGD}


def _slot(name: str, moment: str, variable: tf.Variable) -> tf.Variable:
    return tf.Variable(tf.zeros_like(variable), trainable=False, name=f"{moment}/{name}")


def _float32_in_float64(value: float) -> tf.Tensor:
    return tf.constant(np.float32(value), tf.float64)


def _sum_over_replicas(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
