"""The film of a decision boundary."""

import json

import pytest
from PIL import Image

from autograd_tiny.animation import PAUSE, BoundaryFilm
from autograd_tiny.errors import MissingPackageError, ParameterError, ShapeError
from autograd_tiny.nn import MLP, hinge_loss
from autograd_tiny.optim import SGD
from autograd_tiny.train import fit

X, Y = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [-1, 1, 1, 1]


def filmed(epochs, **settings):
    model = MLP(2, [1], rng=0)
    film = BoundaryFilm(model, X, Y, resolution=5, **settings)
    optimizer = SGD(model.parameters(), lr=0.1)
    fit(model, X, Y, loss=hinge_loss, optimizer=optimizer, epochs=epochs, callbacks=[film])
    return film, model


@pytest.mark.slow
def test_a_frame_for_the_start_and_every_epoch(tmp_path):
    film, model = filmed(epochs=3)
    before = model.state_dict()
    film.save(tmp_path / "film.gif")
    assert model.state_dict() == before
    with Image.open(tmp_path / "film.gif") as picture:
        shown, still = [], 0
        for number in range(picture.n_frames):
            picture.seek(number)
            shown.append(picture.convert("RGB").tobytes())
            still = max(still, picture.info["duration"])
    assert len(set(shown)) == 4
    assert still >= PAUSE * 100  # the last one stays


def test_long_trainings_are_thinned_out_evenly():
    film, _ = filmed(epochs=9, frames=4)
    assert [title.split(",")[0] for title, _ in film._chosen()] == ["before training", "epoch 3", "epoch 6", "epoch 9"]


@pytest.mark.slow
def test_a_page_plays_it_without_other_files(tmp_path):
    film, _ = filmed(epochs=1)
    film.save(tmp_path / "film.html")
    page = (tmp_path / "film.html").read_text()
    assert "data:image/png;base64" in page
    assert [path.name for path in tmp_path.iterdir()] == ["film.html"]


def test_mistakes(tmp_path, monkeypatch):
    film, _ = filmed(epochs=1)
    with pytest.raises(ParameterError, match=r"a film is a \.gif or \.html file, got film\.mp4"):
        film.save("film.mp4")
    with pytest.raises(ShapeError, match="at least one finished epoch, got none"):
        BoundaryFilm(MLP(2, [1]), X, Y).save(tmp_path / "film.gif")
    with pytest.raises(ParameterError, match="frames is a whole number of at least 2, got 1"):
        BoundaryFilm(MLP(2, [1]), X, Y, frames=1)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.animation", None)
    with pytest.raises(MissingPackageError, match="pip install"):
        film.save(tmp_path / "film.gif")


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"y": [0, 1, 7, 1]}, ParameterError, "no class has the label 7"),
        ({"y": [0, 1]}, ShapeError, "4 examples and 2 labels"),
        ({"model": 5}, ParameterError, "model is the Module that is trained, got int"),
        ({"resolution": "a"}, ParameterError, "resolution is a whole number of at least 2, got 'a'"),
    ],
)
def test_mistakes_show_at_once(changed, error, message):
    with pytest.raises(error, match=message):
        BoundaryFilm(**{"model": MLP(2, [1]), "X": X, "y": Y} | changed)


def test_a_checkpoint_keeps_the_film(tmp_path):
    film, model = filmed(epochs=2)
    other = BoundaryFilm(model, X, Y)
    other.load_state_dict(json.loads(json.dumps(film.state_dict())))
    assert other.states == film.states


def test_a_film_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    film, _ = filmed(epochs=1)
    path = tmp_path / "film.gif"
    path.write_text("old")
    monkeypatch.setattr("autograd_tiny.animation.plot_decision_boundary", lambda *_: 1 / 0)
    with pytest.raises((ZeroDivisionError, IndexError)):  # the second when the writer closes a film without frames
        film.save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
