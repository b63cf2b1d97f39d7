"""Training: fit, what it returns and shows, callbacks, metrics, and estimators as scikit-learn has them."""

from .callbacks import EarlyStopping, UpdateLog
from .estimators import Classifier, Regressor
from .history import History
from .loop import fit
from .metrics import accuracy, f1_score, precision, recall

__all__ = [
    "Classifier",
    "EarlyStopping",
    "History",
    "Regressor",
    "UpdateLog",
    "accuracy",
    "f1_score",
    "fit",
    "precision",
    "recall",
]
