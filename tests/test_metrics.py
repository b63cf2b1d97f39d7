import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value
from autograd_tiny.errors import NotARealNumberError, ParameterError, ShapeError
from autograd_tiny.train import accuracy, f1_score, precision, recall

METRICS = [accuracy, precision, recall, f1_score]


def test_accuracy_of_scores():
    scores = [Value(2.0), -1.0, 0.5, [-3.0]]
    assert accuracy(scores, [1, -1, -1, -1]) == 0.75
    assert accuracy(scores, [1, 0, 0, 1]) == 0.5
    assert accuracy(np.array([2.0, -1.0]), np.array([1, 1])) == 0.5


def test_a_score_of_zero_is_negative():
    assert (accuracy([0.0], [0]), accuracy([0.0], [1])) == (1.0, 0.0)


def test_accuracy_of_logits():
    assert accuracy([[0.1, 2.0, 1.0], [Value(3.0), 0.0, 1.0], (0.0, 1.0, 2.0)], [1, 0, 0]) == pytest.approx(2 / 3)
    assert accuracy(np.array([[0.0, 1.0], [0.0, 1.0]]), [1, 0]) == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("logits", [False, True])
@given(answers=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_all_are_those_of_scikit_learn(logits, answers):
    theirs = pytest.importorskip("sklearn.metrics")
    called, targets = [c for c, _ in answers], [int(t) for _, t in answers]
    outputs = [[0.0, 1.0] if c else [1.0, 0.0] for c in called] if logits else [1.0 if c else -1.0 for c in called]
    for metric in METRICS:
        settings = {} if metric is accuracy else {"zero_division": 0.0}
        name = "accuracy_score" if metric is accuracy else metric.__name__ + "_score" * (metric is not f1_score)
        assert metric(outputs, targets) == pytest.approx(getattr(theirs, name)(targets, called, **settings))


def test_precision_and_recall_by_hand():
    scores, targets = [1.0, 1.0, 1.0, -1.0, -1.0], [1, -1, -1, 1, 0]
    assert (precision(scores, targets), recall(scores, targets)) == (1 / 3, 1 / 2)
    assert f1_score(scores, targets) == pytest.approx(0.4)
    assert f1_score([1.0, 1.0, -1.0], [1, 0, 1]) == 0.5
    assert (precision([-1.0], [1]), recall([1.0], [0]), f1_score([-1.0], [0])) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("outputs", "targets", "error", "message"),
    [
        ([1.0], [1, 0], ShapeError, "1 outputs, 2 targets"),
        ([], [], ShapeError, "0 outputs, 0 targets"),
        ([1.0], [2], ParameterError, "the target of a single score is 1, and 0 or -1, got 2"),
        ([[1.0, 2.0]], [2], ParameterError, "the target of 2 logits is 0 to 1, got 2"),
        ([[1.0, 2.0]], [-1], ParameterError, "the target of 2 logits is 0 to 1, got -1"),
        ([[1.0, 2.0]], ["1"], ParameterError, "the target of 2 logits is 0 to 1, got '1'"),
    ],
)
def test_metrics_refuse_what_does_not_fit(metric, outputs, targets, error, message):
    with pytest.raises(error, match=message):
        metric(outputs, targets)


@pytest.mark.parametrize("metric", METRICS[1:])
def test_metrics_of_two_classes_refuse_more(metric):
    with pytest.raises(ParameterError, match="is of 2 classes, got 3 logits; use accuracy"):
        metric([[1.0, 2.0, 3.0]], [1])


def test_probabilities_are_cut_at_a_half():
    outputs, targets = [0.9, 0.6, 0.4, 0.1], [1, 0, 1, 0]
    assert accuracy(outputs, targets) == 0.5
    assert accuracy(outputs, targets, threshold=0.5) == 0.5
    assert precision(outputs, targets, threshold=0.7) == 1.0
    assert recall(outputs, targets, threshold=0.3) == 1.0
    assert f1_score(outputs, targets, threshold=0.7) == pytest.approx(2 / 3)
    assert accuracy([[0.7], [0.2]], [1, 0], threshold=0.5) == 1.0


def test_outputs_are_numbers():
    with pytest.raises(NotARealNumberError, match="an output for accuracy needs one real number, got 'a'"):
        accuracy(["a"], [0])
