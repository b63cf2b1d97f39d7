"""A GPT on scalars: it learns letter by letter how names go, and invents new ones.

The architecture is GPT-2's (Radford et al. 2019, "Language models are unsupervised multitask learners") with RMSNorm
instead of LayerNorm, ReLU instead of GELU, no biases and an output matrix of its own; in the size that Karpathy's
microgpt has made popular (2026): one layer, width 16, four heads, sixteen positions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from .. import jit, nn, ops, optim, train
from ..errors import ParameterError, ShapeError, printable
from ..nn.linear import index_of
from ..primitive import whole
from ..recording import no_grad
from ..seeds import generator
from ..value import Value
from .stage import Options, Stage
from .training import conclude

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 1000  # each on one name
STEPS_PER_EPOCH = 50
LR = 0.01
BETAS = (0.85, 0.99)
TEMPERATURE = 0.5  # below 1 prefers the likely letters
SAMPLES = 20
MOST_LETTERS = 200  # in a vocabulary: a file with more is no list of names


class Vocabulary:
    """The letters of a list of names as numbers, and one more that marks both ends of a name.

    Args:
        names: the names.

    Raises:
        ParameterError: for no names, or more than 200 different letters.

    >>> vocabulary = Vocabulary(["ada", "bo"])
    >>> vocabulary.encode("bad"), vocabulary.decode([1, 0]), len(vocabulary)
    ([4, 1, 0, 2, 4], 'ba', 5)
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.letters = sorted(set("".join(names)))
        if not 0 < len(self.letters) <= MOST_LETTERS:
            raise ParameterError(
                f"a list of names has 1 to {MOST_LETTERS} different letters, got {len(self.letters)}; "
                "the file holds one name on each line"
            )
        self.end = len(self.letters)

    def __len__(self) -> int:
        return len(self.letters) + 1

    def encode(self, name: str) -> list[int]:
        """Return the numbers of a name, the mark of the end on both sides.

        Raises:
            ParameterError: for a letter that no name of the list has.
        """
        unknown = [letter for letter in name if letter not in self.letters]
        if unknown:
            raise ParameterError(f"no name of the list has the letter {unknown[0]!r} of {name!r:.60}")
        return [self.end, *map(self.letters.index, name), self.end]

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the letters of numbers, nothing for the mark of the end.

        Raises:
            ParameterError: for a number that stands for no letter.
        """
        text = [*self.letters, ""]
        return "".join(text[index_of(token, len(text))] for token in tokens)


class Block(nn.Module):
    """Attention and a perceptron, each after an RMSNorm and with a detour around it."""

    def __init__(self, width: int, heads: int, rng: Random) -> None:
        self.norm = nn.RMSNorm(width, elementwise_affine=False)
        self.attention = nn.MultiheadAttention(width, heads, bias=False, causal=True, rng=rng)
        self.up = nn.Linear(width, 4 * width, bias=False, rng=rng)
        self.down = nn.Linear(4 * width, width, bias=False, rng=rng)

    def forward(self, x: list[list[Value]]) -> tuple[list[list[Value]], list[list[list[Value]]]]:
        """Return the vectors, and the attention weights as [head][position][earlier position]."""
        mixed, weights = self.attention(self.norm(x), need_weights=True)
        x = nn.added(x, mixed)
        hidden = [[ops.relu(number) for number in row] for row in self.up(self.norm(x))]
        return nn.added(x, self.down(hidden)), weights


class GPT(nn.Module):
    r"""From the tokens so far, logits for the next one, at every position.

    Args:
        tokens: size of the vocabulary.
        width: length of the vectors, a multiple of ``heads``.
        heads: attention heads in each layer.
        layers: how many :class:`Block`\\ s.
        positions: how many tokens it can look back over.
        rng: a ``random.Random``, an int seed, or None for seed 0; weights start normal with deviation 0.08.

    Returns:
        One list of ``tokens`` logits for each position; called with a list of token numbers.

    Raises:
        ShapeError: when called with no token, or more than ``positions``.

    >>> model = GPT(27)
    >>> len(model.parameters()), [len(logits) for logits in model([26, 0, 1])]
    (4192, [27, 27, 27])
    """

    def __init__(
        self,
        tokens: int,
        width: int = 16,
        heads: int = 4,
        layers: int = 1,
        positions: int = 16,
        rng: Random | int | None = None,
    ) -> None:
        rng = generator(rng, "rng")
        self.positions = whole(positions, "positions")
        self.token_embedding = nn.Embedding(tokens, width, rng)
        self.position_embedding = nn.Embedding(positions, width, rng)
        self.norm = nn.RMSNorm(width, elementwise_affine=False)
        self.blocks = [Block(width, heads, rng) for _ in range(whole(layers, "layers"))]
        self.head = nn.Linear(width, tokens, bias=False, rng=rng)
        for _, tensor in self.named_tensors():
            nn.init.normal_(tensor, std=0.08, rng=rng)

    def forward(self, tokens: Sequence[Any], need_weights: bool = False) -> Any:
        """Return the logits, on request with the attention weights of each layer."""
        if not 1 <= len(tokens) <= self.positions:
            raise ShapeError(f"GPT needs 1 to {self.positions} tokens, got {len(tokens)}")
        embedded = nn.added(self.token_embedding(tokens), self.position_embedding(range(len(tokens))))
        x, weights = self.norm(embedded), []
        for block in self.blocks:
            x, seen = block(x)
            weights.append(seen)
        logits = self.head(x)
        return (logits, weights) if need_weights else logits


def next_token_loss(outputs: list[list[Any]], targets: list[list[int]]) -> Any:
    """Cross-entropy of the next token, the mean over all positions of all names."""
    logits = [row for output in outputs for row in output]
    return nn.cross_entropy(logits, [token for target in targets for token in target])


def compiled(model: GPT) -> Callable[[list[int]], list[list[float]]]:
    """Return compiled code that gives the model's logits at every position, as floats.

    One program serves all lengths: no position looks at later ones, so that what fills the rest does not matter.

    Args:
        model: the GPT; what it learns afterwards counts too.

    >>> model = GPT(5)
    >>> compiled(model)([4, 0, 1]) == [[logit.data for logit in row] for row in model([4, 0, 1])]
    True
    """
    run = jit(lambda model, tokens: model(tokens), reduce="none")

    def logits(tokens: list[int]) -> list[list[float]]:
        (rows,) = run(model, [tokens + [0] * (model.positions - len(tokens))])
        return rows[: len(tokens)]  # type: ignore[no-any-return]  # jit returns what the model does

    return logits


def sample(
    model: GPT,
    vocabulary: Vocabulary,
    rng: Random,
    temperature: float = TEMPERATURE,
    logits: Callable[[list[int]], Sequence[Sequence[Any]]] | None = None,
) -> str:
    """Return a name that the model invents, letter by letter.

    Args:
        model: the GPT.
        vocabulary: what its tokens mean.
        rng: decides among the letters, by their probabilities.
        temperature: above 0; divides the logits, so that small ones prefer the likely letters.
        logits: what computes them from tokens, such as :func:`compiled`; the model itself if not given.

    Raises:
        ParameterError: for another temperature.
    """
    if not 0.0 < temperature < math.inf:
        raise ParameterError(f"temperature is a finite number above 0, got {temperature!r}")
    tokens = [vocabulary.end]
    with no_grad():
        while len(tokens) < model.positions:
            scaled = [float(logit) / temperature for logit in (logits or model)(tokens)[-1]]
            (token,) = rng.choices(range(len(vocabulary)), ops.softmax(scaled))
            if token == vocabulary.end:
                break
            tokens.append(token)
    return vocabulary.decode(tokens[1:])


def read_names(path: Path | None) -> list[str]:
    """Return the names of a file, one on each line; those that come with the package if there is none.

    Raises:
        ParameterError: when the file holds no text, or no name.
    """
    if path is None:
        text = resources.files(__package__).joinpath("names.txt").read_text(encoding="utf-8")
    else:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ParameterError(f"{path} is not UTF-8 text; a list of names has one name on each line") from None
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if not names:
        raise ParameterError(f"{path} holds no names; write one on each line")
    return names


def gpt(stage: Stage, options: Options) -> dict[str, float]:
    """Train on names, invent new ones, draw what attends to what."""
    names = read_names(options.data)
    vocabulary = Vocabulary(names)
    model = GPT(len(vocabulary), rng=options.seed)
    pairs = [vocabulary.encode(name)[: model.positions + 1] for name in names]
    epochs = options.epochs or STEPS // STEPS_PER_EPOCH
    steps = epochs * min(STEPS_PER_EPOCH, len(names))
    lr = LR if options.lr is None else options.lr
    optimizer = optim.Adam(model.parameters(), lr=lr, betas=BETAS)
    stage.say(f"{len(names):,} names of {len(vocabulary.letters)} letters: learn which letter comes next.")
    rate = options.rate_text(lr)
    stage.say(f"{len(optimizer.params):,} parameters, {steps:,} steps on one name each, Adam, {rate} falling to 0.")
    native = find_spec("llvmlite") is not None if options.jit is None else options.jit
    if native:
        stage.say("First it is compiled, a program for each length of a name, which takes a second or two.")
    cut = sum(len(name) > model.positions for name in names)
    if cut:
        stage.say(f"Of {cut:,} longer names only the first {model.positions} letters are read.")
    history = train.fit(
        model,
        [tokens[:-1] for tokens in pairs],
        [tokens[1:] for tokens in pairs],
        loss=next_token_loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=1,
        steps_per_epoch=STEPS_PER_EPOCH,
        rng=options.seed,
        scheduler=optim.LambdaLR(optimizer, lambda step: max(0.0, 1.0 - step / steps)),
        schedule_every="step",
        checkpoint=options.checkpoint,
        resume=options.resume,
        jit=native,
    )
    conclude(stage, "gpt", history, {"loss": history.loss[-1]})
    rng = Random(options.seed)
    logits = compiled(model) if native else None
    invented = [sample(model, vocabulary, rng, logits=logits) for _ in range(SAMPLES)]
    known = set(names)
    stage.say("It invents: " + printable(", ".join(invented)) + ".")
    stage.say(f"{sum(name not in known for name in invented)} of these {SAMPLES} are not in the list.")
    shown = max(names[:SAMPLES], key=len)[: model.positions - 1]
    stage.figure("gpt-attention.png", lambda figure: draw_attention(figure, model, vocabulary, shown), 11.0, 3.6)
    return {"loss": history.loss[-1], "first loss": history.loss[0]}


def draw_attention(figure: Figure, model: GPT, vocabulary: Vocabulary, name: str) -> None:
    """Draw, for each head of the first layer, how much each letter of a name looks at the ones before it."""
    with no_grad():
        _, weights = model(vocabulary.encode(name)[:-1], need_weights=True)
    letters = ["·", *map(printable, name)]
    panels: Any = figure.subplots(1, len(weights[0]), sharey=True)
    for number, (axes, head) in enumerate(zip(panels, weights[0], strict=True), start=1):
        square = [[w.data for w in row] + [float("nan")] * (len(letters) - len(row)) for row in head]
        picture = axes.imshow(square, cmap="cividis", vmin=0.0, vmax=1.0)
        axes.set_xticks(range(len(letters)), letters)
        axes.set_yticks(range(len(letters)), letters)
        axes.set_title(f"head {number}")
        axes.set_xlabel("looks at")
    panels[0].set_ylabel("letter (· begins the name)")
    figure.colorbar(picture, ax=list(panels), label="attention weight")
