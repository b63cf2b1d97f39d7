import re
import sys
from types import SimpleNamespace

import pytest

from autograd_tiny import Value
from autograd_tiny.errors import AnomalyError
from autograd_tiny.nn import mse_loss
from autograd_tiny.optim import SGD
from autograd_tiny.train import History, fit, progress
from autograd_tiny.train.progress import LEVELS, SPARKS, sparkline


def train(epochs=3, X=(1.0, 2.0), y=(2.0, 4.0), **settings):
    w = Value(0.0)
    settings = {"loss": mse_loss, "optimizer": SGD([w], lr=0.1), "epochs": epochs} | settings
    return fit(lambda x: w * x, X, y, **settings)


# ---------------------------------------------------------------- the bar


def test_the_bar_shows_epoch_loss_metrics_sparkline_and_remaining_time(capsys):
    history = train(batch_size=1, progress=True, metrics={"[red]": lambda outputs, targets: 0.125})
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("epoch 3/3", "loss", "[red] 0.125", "ETA 0:00:00", sparkline(history.loss)):
        assert text in err


def test_the_bar_shows_validation(capsys):
    history = train(progress=True, validation_data=([1.0], [3.0]))
    assert f"val_loss {history.val_loss[-1]:.4g}" in capsys.readouterr().err


def test_the_bar_is_full_at_the_end_also_of_a_resumed_run(capsys, tmp_path):
    bars = []

    class Watched(progress._Bar):
        def __init__(self, *args):
            super().__init__(*args)
            bars.append(self.bars.tasks[0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "_Bar", Watched)
        train(epochs=2, batch_size=1, progress=True, checkpoint=tmp_path / "run.json")
        train(epochs=5, batch_size=1, progress=True, checkpoint=tmp_path / "run.json", resume=True)
    assert [(bar.completed, bar.total) for bar in bars] == [(4, 4), (10, 10)]
    assert "epoch 5/5" in capsys.readouterr().err


def test_the_bar_ends_with_the_training_when_something_goes_wrong(capsys):
    with pytest.raises(AnomalyError):
        train(progress=True, X=[1e200], y=[1e200])
    train(progress=True)  # rich refuses a second live display
    capsys.readouterr()


def test_progress_is_silent_when_refused_or_not_on_a_terminal(capsys, monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    train(progress=False)
    train(progress=None)
    assert capsys.readouterr() == ("", "")


def test_progress_shows_by_itself_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # how rich is told that its output is a terminal
    monkeypatch.setenv("TERM", "xterm")
    train(progress=None)
    assert "epoch" in capsys.readouterr().err
    train(progress=False)
    assert capsys.readouterr().err == ""


# ---------------------------------------------------------------- the sparkline


def test_a_sparkline_goes_from_the_lowest_bar_to_the_highest():
    assert sparkline([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]) == LEVELS
    assert sparkline([7.0, 0.0]) == "█▁"
    assert sparkline([]) == ""
    assert sparkline([3.0]) == "▁"


def test_a_sparkline_shows_the_last_numbers_and_leaves_out_those_not_finite():
    assert sparkline([100.0, *range(SPARKS)]) == sparkline([float(i) for i in range(SPARKS)])
    assert len(sparkline([float(i) for i in range(99)])) == SPARKS
    assert sparkline([float("inf"), 1.0, float("nan"), 2.0]) == "▁█"


# ---------------------------------------------------------------- the plot of a notebook


@pytest.fixture
def notebook(monkeypatch):
    """A notebook: the list of what it shows, each thing as ("new" or "update", thing)."""
    display = pytest.importorskip("IPython.display")
    shown = []

    def show(thing, display_id):
        assert display_id is True
        shown.append(("new", thing))
        return SimpleNamespace(update=lambda thing: shown.append(("update", thing)))

    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(display, "display", show)
    return shown


@pytest.mark.parametrize("shown", [None, True])
def test_a_notebook_gets_a_plot_that_grows(notebook, monkeypatch, capsys, shown):
    pytest.importorskip("matplotlib")
    drawn = []
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_PLOTS", 0.0)
    monkeypatch.setattr(progress, "_picture", lambda history: drawn.append(list(history.loss)))
    history = train(progress=shown)
    assert [how for how, _ in notebook] == ["new", "update", "update", "update"]
    assert drawn == [history.loss[:1], history.loss[:2], history.loss, history.loss]
    assert capsys.readouterr() == ("", "")


def test_a_notebook_is_not_drawn_to_too_often(notebook, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_PLOTS", 1e9)
    train(epochs=5)
    assert [how for how, _ in notebook] == ["new", "update"]  # the first epoch and the end
    assert all(picture.data.startswith(b"\x89PNG") for _, picture in notebook)


def test_a_notebook_shows_nothing_when_refused_or_before_the_first_epoch(notebook):
    def impatient(outputs, targets):
        raise KeyboardInterrupt

    train(progress=False)
    assert train(loss=impatient).interrupted
    assert notebook == []


def test_a_notebook_without_matplotlib_gets_the_numbers(notebook, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    history = train(epochs=1)
    assert [thing for _, thing in notebook] == [history, history]


def test_a_notebook_is_where_ipython_has_a_kernel(monkeypatch):
    for shell, answer in ((None, False), (SimpleNamespace(), False), (SimpleNamespace(kernel="ipykernel"), True)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert progress.in_notebook() is answer
    monkeypatch.delitem(sys.modules, "IPython")
    assert progress.in_notebook() is False


def test_the_picture_shows_the_curves_as_png_whatever_matplotlib_is_set_to():
    matplotlib = pytest.importorskip("matplotlib")
    pytest.importorskip("IPython")
    with matplotlib.rc_context({"savefig.format": "svg"}):
        pictures = [progress._picture(History(losses)).data for losses in ([1.0, 2.0], [2.0, 1.0])]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]


def test_the_bar_tells_every_step_and_epoch():
    bars, calls = SimpleNamespace(), []
    bars.add_task = lambda *given, **settings: calls.append((*given, settings)) or 7
    bars.update = lambda *given, **settings: calls.append((*given, settings))
    bar = progress._Bar(bars, 4, 3, 1)
    first = bar._text(2, 0.5)
    bar.step(2, 0.5)
    bar.epoch(History([2.0, 1.0]))
    assert calls == [
        ("", {"total": 12, "completed": 3}),
        (7, {"advance": 1, "description": first}),
        (7, {"description": bar._text(2, 1.0)}),
    ]


def test_the_bar_counts_epochs_from_1(capsys):
    seen = []

    class Watched(progress._Bar):
        def step(self, epoch, loss):
            seen.append((epoch, loss))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "_Bar", Watched)
        history = train(epochs=2, progress=True)
    assert seen == [(1, history.loss[0]), (2, history.loss[1])]


def test_a_line_of_the_bar_reads_well():
    bar = progress._Bar(SimpleNamespace(add_task=lambda *_, **__: 0), 20, 1, 0)
    bar.curves = {"loss": [2.0, 1.0], "accuracy": [0.5, 0.75]}
    assert re.sub(" +", " ", bar._text(3, 0.123456)) == "epoch 3/20 loss 0.1235 accuracy 0.75 █▁"
