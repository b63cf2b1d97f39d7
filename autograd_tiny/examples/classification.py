"""Moons and iris: a small network learns to tell classes apart."""

from __future__ import annotations

from .. import data, nn, optim, train
from ..animation import BoundaryFilm
from ..plot import plot_decision_boundary
from .stage import Options, Stage
from .training import conclude


def moons(stage: Stage, options: Options) -> dict[str, float]:
    """Find the curve between two interleaving half moons."""
    X, labels = data.make_moons(100, noise=0.1, random_state=0)
    y = [2 * label - 1 for label in labels]
    model = nn.MLP(2, [16, 16, 1], rng=options.seed)
    lr = 0.2 if options.lr is None else options.lr
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    stage.say("100 points on two interleaving half moons: find the curve between them.")
    stage.say(f"Layers 2 -> 16 -> 16 -> 1: {len(optimizer.params)} parameters, {options.rate_text(lr)}.")
    film = BoundaryFilm(model, X, y) if options.animate else None
    history = train.fit(
        model,
        X,
        y,
        loss=nn.hinge_loss,
        optimizer=optimizer,
        epochs=options.epochs or 150,
        metrics={"accuracy": train.accuracy},
        callbacks=[film] if film else [],
        checkpoint=options.checkpoint,
        resume=options.resume,
        jit=bool(options.jit),
    )
    outputs = [model(x) for x in X]
    figures = {"loss": float(nn.hinge_loss(outputs, y)), "accuracy": train.accuracy(outputs, y)}
    conclude(stage, "moons", history, figures)
    stage.figure("moons-boundary.png", lambda figure: plot_decision_boundary(model, X, y, figure.subplots()))
    if film:
        stage.picture("moons.gif", film.save)
    return figures


def iris(stage: Stage, options: Options) -> dict[str, float]:
    """Tell three species of iris apart by four lengths, on flowers kept aside for the test."""
    flowers = data.load_iris()
    X, y, X_test, y_test = data.split(flowers.data, flowers.target, test_share=1 / 3, random_state=0)
    X, means, spreads = data.standardize(X)
    X_test, _, _ = data.standardize(X_test, means, spreads)
    model = nn.MLP(4, [8, 3], rng=options.seed)
    lr = 0.05 if options.lr is None else options.lr
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    stage.say("150 iris flowers: tell three species apart by four lengths (Fisher 1936). 50 are kept aside as a test.")
    stage.say(f"Layers 4 -> 8 -> 3: {len(optimizer.params)} parameters, {options.rate_text(lr)}, batches of 20.")
    history = train.fit(
        model,
        X,
        y,
        loss=nn.cross_entropy,
        optimizer=optimizer,
        epochs=options.epochs or 60,
        batch_size=20,
        rng=options.seed,
        metrics={"accuracy": train.accuracy},
        validation_data=(X_test, y_test),
        checkpoint=options.checkpoint,
        resume=options.resume,
        jit=bool(options.jit),
    )
    outputs = [model(x) for x in X]
    figures = {
        "loss": float(nn.cross_entropy(outputs, y)),
        "accuracy": train.accuracy(outputs, y),
        "test accuracy": train.accuracy([model(x) for x in X_test], y_test),
    }
    conclude(stage, "iris", history, figures)
    return figures
