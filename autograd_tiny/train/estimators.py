"""Classifier and Regressor: multilayer perceptrons with the methods of scikit-learn's estimators."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from random import Random
from typing import Any, ClassVar, Self

from .. import ops
from ..data import split
from ..errors import ParameterError, ShapeError, did_you_mean, listed
from ..nn import MLP, cross_entropy, hinge_loss, huber_loss, l1_loss, mse_loss
from ..nn.activations import Activation
from ..nn.shapes import mapped
from ..optim import SGD, Adagrad, Adam, AdamW, RMSprop
from ..optim.settings import one_of
from ..ranges import at_least_zero
from ..recording import no_grad
from ..seeds import generator
from .arrays import classes_of, examples_of, numbers_of, numpy, targets_of, weights_of
from .callbacks import EarlyStopping
from .history import History
from .learner import Loss, Metric
from .loop import fit
from .metrics import accuracy

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


@dataclass(kw_only=True, repr=False, eq=False)
class Estimator:
    """What Classifier and Regressor share: the settings, the training, scikit-learn's protocol."""

    hidden: Sequence[int] = (16,)
    activation: Activation = "tanh"
    optimizer: str = "adam"
    lr: float = 0.01
    epochs: int = 200
    batch_size: int | None = 32
    l1: float = 0.0
    l2: float = 0.0
    early_stopping: bool = False
    validation_share: float = 0.2
    patience: int = 10
    random_state: Random | int | None = 0
    progress: bool | None = False
    jit: bool | str = False

    _estimator_type: ClassVar[str]

    def _train(self, X: Any, targets: list[Any], outputs: int, loss: Loss, metrics: Mapping[str, Metric]) -> Self:
        if not isinstance(self.hidden, Iterable):
            raise ParameterError(f"hidden is a list of layer sizes, got {self.hidden!r:.60}; use hidden=(16,)")
        rng, inputs = generator(self.random_state, "random_state"), X.tolist()
        model = MLP(X.shape[1], [*self.hidden, outputs], self.activation, rng=rng)
        make = OPTIMIZERS[one_of(*OPTIMIZERS)(self.optimizer, "optimizer")]
        l1, l2 = at_least_zero(self.l1, "l1"), at_least_zero(self.l2, "l2")
        callbacks, held_out = [], None
        if self.early_stopping:
            callbacks = [EarlyStopping(model, self.patience)]
            inputs, targets, *kept_back = split(inputs, targets, self.validation_share, rng)
            held_out = kept_back[0], kept_back[1]
        self.history_: History = fit(
            model,
            inputs,
            targets,
            loss=loss,
            optimizer=make(model.parameters(), lr=self.lr, l1_decay=l1, weight_decay=l2),
            epochs=self.epochs,
            batch_size=self.batch_size,
            rng=rng,
            metrics=metrics,
            validation_data=held_out,
            callbacks=callbacks,
            progress=self.progress,
            jit=self.jit,
        )
        self.model_, self.n_features_in_, self.n_iter_ = model, X.shape[1], self.history_.epochs
        return self

    def _outputs(self, X: Any) -> Any:
        """Return the outputs of the fitted model, one row per example where there are several."""
        if not hasattr(self, "model_"):
            raise _not_fitted(f"{type(self).__name__} is not fitted; call fit(X, y) first")
        table = examples_of(X)
        if table.shape[1] != self.n_features_in_:
            raise ShapeError(
                f"X has {table.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input"
            )
        with no_grad():
            return numpy().array([mapped(self.model_(row), float) for row in table.tolist()])

    # ------------------------------------------------------------ scikit-learn's protocol

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings; ``deep`` changes nothing, as no setting is an estimator."""
        return {setting.name: getattr(self, setting.name) for setting in fields(self)}

    def set_params(self, **params: Any) -> Self:
        """Change settings.

        Raises:
            ParameterError: for an unknown one; nothing was changed.

        >>> Regressor().set_params(lr=0.1, hidden=(4,))
        Regressor(hidden=(4,), lr=0.1)
        """
        known = list(self.get_params())
        for name in params:
            if name not in known:
                hint = did_you_mean(name, known) or f"it has {listed(known)}"
                raise ParameterError(f"{type(self).__name__} has no setting {name!r}; {hint}")
        vars(self).update(params)
        return self

    def __repr__(self) -> str:
        given = {setting.name: repr(getattr(self, setting.name)) for setting in fields(self)}
        shown = [f"{s.name}={given[s.name]}" for s in fields(self) if given[s.name] != repr(s.default)]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn 1.6 and later asks an estimator about itself."""
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        tags = Tags(estimator_type=self._estimator_type, target_tags=TargetTags(required=True))
        if self._estimator_type == "classifier":
            tags.classifier_tags = ClassifierTags()
        else:
            tags.regressor_tags = RegressorTags()
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return everything as plain numbers: Values, which the model consists of, are not for pickle."""
        state = dict(vars(self))
        model = state.pop("model_", None)
        if model is not None:
            sizes = [len(layer.neurons) for layer in model.layers]
            state["_network"] = (model.nin, sizes, model.activation), model.state_dict()
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        network = vars(self).pop("_network", None)
        if network is not None:
            shape, numbers = network
            self.model_ = MLP(*shape)
            self.model_.load_state_dict(numbers)


@dataclass(kw_only=True, repr=False, eq=False)
class Classifier(Estimator):
    """A multilayer perceptron that tells classes apart, with the methods of scikit-learn's classifiers.

    It has one output for each class: a logit with the loss ``"cross_entropy"``, a score with ``"hinge"``. The inputs
    should be standardised. All arguments are keywords.

    Args:
        hidden: sizes of the hidden layers; () for none.
        activation: of the hidden layers, as for ``nn.MLP``.
        loss: ``"cross_entropy"``; or ``"hinge"``, max(0, 1 - m) where the score of the right class leads the best
            other one by m (Crammer and Singer 2001, "On the algorithmic implementation of multiclass kernel-based
            vector machines"; with two classes the usual hinge).
        optimizer: ``"sgd"``, ``"momentum"`` (SGD with 0.9), ``"adagrad"``, ``"rmsprop"``, ``"adam"`` or ``"adamw"``.
        lr: learning rate, at least 0.
        epochs: how often to go through all examples, at least 1.
        batch_size: examples per step; None takes all at once.
        l1: pull of all weights and biases towards 0, the ``l1_decay`` of the optimiser, as of a penalty
            l1 * sum(abs(p)); the loss in ``history_`` is without penalties.
        l2: pull in proportion to them, its ``weight_decay``, as of a penalty l2 / 2 * sum(p^2); with ``"adamw"``
            both act on the parameters directly, see there.
        class_weight: how much the examples of each class count: None for all alike; ``"balanced"`` for 1 / their
            number; or class -> finite number of at least 0, 1 where none is given. Scaled to an average of 1.
        early_stopping: keep ``validation_share`` of the examples back, end when their loss has not improved for
            ``patience`` epochs, and take the best parameters.
        validation_share: above 0 and below 1.
        patience: in epochs, at least 1.
        random_state: an int seed or a ``random.Random`` for the first weights, the order of the examples and those
            kept back; None is seed 0.
        progress: as for :func:`~autograd_tiny.train.fit`.
        jit: True trains in compiled code, as :func:`~autograd_tiny.train.fit` does.

    Attributes:
        model_: the trained ``nn.MLP``.
        history_: the History of loss and accuracy.
        classes_: the classes in order, an array.
        n_features_in_: how many inputs there are.
        n_iter_: how many epochs were finished.

    Raises:
        MissingPackageError: when NumPy is not installed; so do all methods.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
    >>> classifier = Classifier(hidden=(4,), epochs=100, lr=0.1).fit(X, y)
    >>> classifier
    Classifier(hidden=(4,), lr=0.1, epochs=100)
    >>> classifier.predict([[-1.0], [4.0]]).tolist(), classifier.score(X, y)
    (['low', 'high'], 1.0)
    """

    loss: str = "cross_entropy"
    class_weight: str | Mapping[Any, float] | None = None

    _estimator_type: ClassVar = "classifier"

    def fit(self, X: Any, y: Any) -> Self:
        """Train from the start.

        Args:
            X: one row of numbers per example: nested lists, an array or a data frame.
            y: the class of each example, text or a whole number.

        Returns:
            This estimator.

        Raises:
            ShapeError: for something that is no table, or another number of classes than examples.
            ParameterError: for a setting out of range, a number that is not finite, or fewer than two classes.
            NotARealNumberError: for something in X that is no number.
            AnomalyError: as :func:`~autograd_tiny.train.fit`.
        """
        X = examples_of(X)
        classes, indices = classes_of(y, len(X))
        losses: dict[str, Callable[..., Any]] = {"cross_entropy": cross_entropy, "hinge": multiclass_hinge}
        loss = losses[one_of(*losses)(self.loss, "loss")]
        if self.class_weight is not None:
            loss = partial(_weighted, loss, self._class_weights(classes.tolist(), numpy().bincount(indices).tolist()))
        self._train(X, indices.tolist(), len(classes), loss, {"accuracy": accuracy})
        self.classes_ = classes
        return self

    def _class_weights(self, classes: list[Any], counts: list[int]) -> list[float]:
        """Return how much each class counts, scaled so that the average example counts 1."""
        if isinstance(self.class_weight, Mapping):
            unknown = [repr(label) for label in self.class_weight if label not in classes]
            if unknown:
                known = listed([repr(label) for label in classes])
                raise ParameterError(f"class_weight is for the classes {known}, got {listed(unknown)}")
            weights = [at_least_zero(self.class_weight.get(label, 1.0), "class_weight") for label in classes]
        else:
            one_of("balanced")(self.class_weight, "class_weight")
            weights = [1.0 / count for count in counts]
        total = sum(count * weight for count, weight in zip(counts, weights, strict=True))
        if not total:
            raise ParameterError("class_weight is above 0 for one class at least, got 0 for all")
        return [weight * sum(counts) / total for weight in weights]

    def decision_function(self, X: Any) -> Any:
        """Return how the model decides: for two classes the second output minus the first, for more all outputs.

        Raises:
            ParameterError: before ``fit``.
            ShapeError, NotARealNumberError: as :meth:`fit`, or for another number of features.
        """
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs

    @property
    def predict_proba(self) -> Callable[[Any], Any]:
        """Call it with X: the probability of each class, softmax of the outputs, a row per example.

        Raises:
            AttributeError: with the loss ``"hinge"``, whose scores are no logits; that is how scikit-learn sees that
                there are no probabilities.
        """
        if self.loss == "hinge":
            raise AttributeError("the scores of loss='hinge' give no probabilities; use loss='cross_entropy'")
        return self._probabilities

    def _probabilities(self, X: Any) -> Any:
        outputs = self._outputs(X)
        powers = numpy().exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> Any:
        """Return the class with the largest output for each example, an array.

        Raises:
            ParameterError, ShapeError, NotARealNumberError: as :meth:`decision_function`.
        """
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of examples whose class is predicted.

        Args:
            X, y: as for :meth:`fit`.
            sample_weight: how much each example counts, at least 0; None for 1 each.
        """
        predicted = self.predict(X)
        right = predicted == targets_of(y, len(predicted))
        return float(numpy().average(right, weights=weights_of(sample_weight, len(right))))


@dataclass(kw_only=True, repr=False, eq=False)
class Regressor(Estimator):
    """A multilayer perceptron that predicts a number, with the methods of scikit-learn's regressors.

    It has one linear output. Inputs and targets should be standardised. All arguments are keywords.

    Args:
        loss: ``"mse"``; or ``"l1"`` or ``"huber"``, on which outliers pull less.
        hidden, activation, optimizer, lr, epochs, batch_size, l1, l2: as for :class:`Classifier`.
        early_stopping, validation_share, patience, random_state, progress, jit: as for :class:`Classifier`.

    Attributes:
        model_, history_, n_features_in_, n_iter_: as for :class:`Classifier`; the History has the loss only.

    Raises:
        MissingPackageError: when NumPy is not installed; so do all methods.

    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> regressor = Regressor(hidden=(), lr=0.1).fit(X, y)
    >>> regressor.predict([[10.0]]).round(3).tolist(), round(regressor.score(X, y), 3)
    ([21.0], 1.0)
    """

    loss: str = "mse"

    _estimator_type: ClassVar = "regressor"

    def fit(self, X: Any, y: Any) -> Self:
        """Train from the start.

        Args:
            X: one row of numbers per example: nested lists, an array or a data frame.
            y: the number of each example.

        Returns:
            This estimator.

        Raises:
            ShapeError, ParameterError, NotARealNumberError, AnomalyError: as :meth:`Classifier.fit`.
        """
        X = examples_of(X)
        losses = {"mse": mse_loss, "l1": l1_loss, "huber": huber_loss}
        loss = losses[one_of(*losses)(self.loss, "loss")]
        return self._train(X, numbers_of(y, len(X)).tolist(), 1, loss, {})

    def predict(self, X: Any) -> Any:
        """Return the predicted number of each example, an array.

        Raises:
            ParameterError: before ``fit``.
            ShapeError, NotARealNumberError: as :meth:`fit`, or for another number of features.
        """
        return self._outputs(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2, 1 - sum(w (y - f)^2) / sum(w (y - mean)^2) with predictions f: 1 is perfect, the mean gets 0.

        Where all y are equal it is 1 for predictions that are right, 0 for others.

        Args:
            X, y: as for :meth:`fit`.
            sample_weight: w, how much each example counts, at least 0; None for 1 each.
        """
        predicted = self.predict(X)
        y = numbers_of(y, len(predicted))
        weights = weights_of(sample_weight, len(predicted))
        left = weights @ (y - predicted) ** 2
        total = weights @ (y - numpy().average(y, weights=weights)) ** 2
        return float(1.0 - left / total) if total else float(not left)


def multiclass_hinge(outputs: list[Any], indices: list[int], reduction: str = "mean") -> Any:
    """Hinge of the margins, max(0, 1 - (score of the right class - best other score)), averaged over examples.

    Args:
        outputs: one score per class, for each example.
        indices: the right classes.
        reduction: as for ``nn.hinge_loss``.

    >>> multiclass_hinge([[2.0, 0.5, 0.0], [0.0, 0.5, 0.0]], [0, 1])
    0.25
    """
    margins = [scores[i] - ops.max(scores[:i] + scores[i + 1 :]) for scores, i in zip(outputs, indices, strict=True)]
    return hinge_loss(margins, [1] * len(margins), reduction)


def _weighted(loss: Callable[..., Any], weights: Sequence[float], outputs: list[Any], indices: list[int]) -> Any:
    # divided by their number, not by their weights: those of a batch would otherwise cancel where it has one class only
    losses = loss(outputs, indices, reduction="none")
    return ops.dot(losses, [weights[i] for i in indices]) / len(indices)


def _not_fitted(message: str) -> Exception:
    """Return an error that is scikit-learn's own, too, where that is loaded: its tools wait for it."""
    theirs = getattr(sys.modules.get("sklearn.exceptions"), "NotFittedError", None)
    error: Exception = (type("NotFittedError", (ParameterError, theirs), {}) if theirs else ParameterError)(message)
    return error
