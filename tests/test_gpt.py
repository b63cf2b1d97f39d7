"""The GPT example: what it computes, learns, invents, draws and keeps."""

import json
from random import Random

import pytest
from rich.console import Console

from autograd_tiny import Value, examples, train
from autograd_tiny.errors import ParameterError, ShapeError, StateError
from autograd_tiny.examples.gpt import GPT, Vocabulary, compiled, gpt, next_token_loss, read_names, sample
from autograd_tiny.optim import Adam, LambdaLR


def stage(folder):
    return examples.Stage(folder, Console(quiet=True))


def run(folder, **options):
    return examples.run("gpt", stage(folder), examples.Options(**options))


# ---------------------------------------------------------------- the model


def test_its_size_is_the_well_known_one():
    assert len(GPT(27).parameters()) == 4192
    shapes = {name: (len(t), len(t[0])) for name, t in GPT(27).named_tensors()}
    assert shapes["token_embedding.weight"] == (27, 16)
    assert shapes["position_embedding.weight"] == (16, 16)
    assert shapes["blocks.0.up.weight"] == (64, 16)
    assert shapes["head.weight"] == (27, 16)
    assert not any("bias" in name for name in shapes)


def test_later_tokens_do_not_change_earlier_logits():
    model = GPT(10, rng=3)
    first = [[logit.data for logit in row] for row in model([9, 1, 2, 3])]
    second = [[logit.data for logit in row] for row in model([9, 1, 7, 8])]
    assert first[:2] == second[:2]
    assert first[2] != second[2]


@pytest.mark.parametrize("tokens", [[], list(range(17))])
def test_too_few_or_many_tokens(tokens):
    with pytest.raises(ShapeError, match=f"1 to 16 tokens, got {len(tokens)}"):
        GPT(27)(tokens)


def test_a_token_without_a_row():
    with pytest.raises(ParameterError, match="token_embedding needs an index, a whole number from 0 to 4, got 5"):
        GPT(5)([5])


# ---------------------------------------------------------------- beside PyTorch


class TorchGPT:
    """The same model on float64 tensors, with batched matrix products and a mask."""

    def __init__(self, torch, model):
        self.torch, self.heads = torch, model.blocks[0].attention.num_heads
        self.weights = {
            name: torch.tensor([[v.data for v in row] for row in tensor], dtype=torch.float64, requires_grad=True)
            for name, tensor in model.named_tensors()
        }

    def logits(self, tokens):
        torch, w = self.torch, self.weights

        def norm(x):
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)

        x = norm(w["token_embedding.weight"][tokens] + w["position_embedding.weight"][: len(tokens)])
        y, block = norm(x), "blocks.0.attention"
        q, k, v = (
            (y @ w[f"{block}.{name}.weight"].T).view(len(tokens), self.heads, -1).transpose(0, 1)
            for name in ("query", "key", "value")
        )
        mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + mixed.transpose(0, 1).reshape(len(tokens), -1) @ w[f"{block}.out.weight"].T
        x = x + torch.relu(norm(x) @ w["blocks.0.up.weight"].T) @ w["blocks.0.down.weight"].T
        return x @ w["head.weight"].T


def close(ours, theirs, tolerance):
    """Whether nested numbers agree, relative to the largest of them."""
    ours, theirs = [float(x) for row in ours for x in row], [x for row in theirs.tolist() for x in row]
    scale = max(map(abs, theirs)) or 1.0
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= tolerance * scale


@pytest.mark.slow
def test_logits_and_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    vocabulary = Vocabulary(read_names(None))
    for seed, name in enumerate(["isabella", "ed", "maximilian", "a"]):
        model = GPT(len(vocabulary), rng=seed)
        theirs, tokens = TorchGPT(torch, model), vocabulary.encode(name)
        logits = model(tokens[:-1])
        next_token_loss([logits], [tokens[1:]]).backward()
        expected = theirs.logits(tokens[:-1])
        torch.nn.functional.cross_entropy(expected, torch.tensor(tokens[1:])).backward()
        assert close(logits, expected, 1e-12)
        for key, tensor in model.named_tensors():
            gradients = [[v.grad for v in row] for row in tensor]
            assert close(gradients, theirs.weights[key].grad, 1e-10), key


@pytest.mark.slow
def test_ten_steps_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    vocabulary = Vocabulary(read_names(None))
    model = GPT(len(vocabulary), rng=5)
    theirs = TorchGPT(torch, model)
    ours = Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99))
    schedule = LambdaLR(ours, lambda step: 1.0 - step / 10)
    other = torch.optim.Adam(theirs.weights.values(), lr=0.01, betas=(0.85, 0.99))
    other_schedule = torch.optim.lr_scheduler.LambdaLR(other, lambda step: 1.0 - step / 10)
    for name in ["ada", "boris", "clara", "dana", "emil", "flora", "hugo", "ines", "jonas", "kate"]:
        tokens = vocabulary.encode(name)
        ours.zero_grad()
        next_token_loss([model(tokens[:-1])], [tokens[1:]]).backward()
        ours.step()
        schedule.step()
        other.zero_grad()
        torch.nn.functional.cross_entropy(theirs.logits(tokens[:-1]), torch.tensor(tokens[1:])).backward()
        other.step()
        other_schedule.step()
    for key, tensor in model.named_tensors():
        assert close([[v.data for v in row] for row in tensor], theirs.weights[key].detach(), 1e-10), key


# ---------------------------------------------------------------- names


def test_the_names_that_come_with_it():
    names = read_names(None)
    assert len(names) == len(set(names)) > 300
    assert all(name.isascii() and name.islower() and name.isalpha() for name in names)
    assert len(Vocabulary(names)) == 27


def test_names_of_a_file(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("Zoë\n\n  Jean-Luc \nÅsa", encoding="utf-8")
    names = read_names(path)
    assert names == ["Zoë", "Jean-Luc", "Åsa"]
    vocabulary = Vocabulary(names)
    assert [vocabulary.decode(vocabulary.encode(name)[1:-1]) for name in names] == names


def test_files_that_hold_no_names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\n \n")
    with pytest.raises(ParameterError, match="holds no names; write one on each line"):
        read_names(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ParameterError, match="is not UTF-8 text"):
        read_names(path)
    path.write_text("".join(map(chr, range(0x4E00, 0x4F00))), encoding="utf-8")
    with pytest.raises(ParameterError, match="1 to 200 different letters, got 256"):
        run(tmp_path, data=path)
    with pytest.raises(FileNotFoundError):
        run(tmp_path, data=tmp_path / "missing.txt")


def test_sampling_follows_the_probabilities():
    model, vocabulary = GPT(3, rng=0), Vocabulary(["ab"])
    for _, tensor in model.named_tensors():
        for row in tensor:
            for weight in row:
                weight.data = 0.0
    counts = {"": 0, "a": 0, "b": 0}
    rng = Random(0)
    for _ in range(150):
        counts[sample(model, vocabulary, rng)[:1]] += 1
    assert all(35 < count < 65 for count in counts.values())
    assert len(sample(model, vocabulary, Random(1), temperature=1e9)) <= 15


def test_sampling_records_nothing():
    model = GPT(3, rng=0)
    sample(model, Vocabulary(["ab"]), Random(0))
    assert all(type(p) is Value and p.grad == 0.0 for p in model.parameters())


# ---------------------------------------------------------------- compiled


def trained(jit, steps, vocabulary, names):
    model = GPT(len(vocabulary), rng=2)
    pairs = [vocabulary.encode(name) for name in names]
    optimizer = Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99))
    history = train.fit(
        model,
        [pair[:-1] for pair in pairs],
        [pair[1:] for pair in pairs],
        loss=next_token_loss,
        optimizer=optimizer,
        epochs=steps // 5,
        batch_size=1,
        steps_per_epoch=5,
        scheduler=LambdaLR(optimizer, lambda step: 1.0 - step / steps),
        schedule_every="step",
        jit=jit,
    )
    return model, history


@pytest.mark.slow
@pytest.mark.parametrize(("executor", "steps"), [("llvm", 30), ("python", 5)])
@pytest.mark.filterwarnings("ignore:llvmlite is not installed")
def test_compiled_steps_losses_and_letters_are_the_same(executor, steps, monkeypatch):
    from autograd_tiny.compilation import executors

    if executor == "llvm":
        pytest.importorskip("llvmlite")
    monkeypatch.setattr(executors, "has_llvm", lambda: executor == "llvm")
    names = ["a", "ed", "ada", "bo", "cy", "anna", "eddy", "ben"]
    vocabulary = Vocabulary(names)
    (eager, theirs), (model, history) = (trained(jit, steps, vocabulary, names) for jit in (False, True))
    assert history.loss == pytest.approx(theirs.loss, rel=1e-9)
    assert history.lr == theirs.lr
    for ours, other in zip(model.parameters(), eager.parameters(), strict=True):
        assert ours.data == pytest.approx(other.data, rel=1e-9, abs=1e-12)
    logits, rng, other_rng = compiled(model), Random(0), Random(0)
    invented = [sample(model, vocabulary, rng, logits=logits) for _ in range(10)]
    assert invented == [sample(eager, vocabulary, other_rng) for _ in range(10)]
    assert len(set(invented)) > 3


def test_compiled_logits_of_every_length_by_one_program():
    model = GPT(4, width=4, heads=2, positions=5, rng=1)
    logits = compiled(model)
    for _ in range(2):
        for tokens in ([3], [3, 0, 1], [3, 2, 2, 1, 0]):
            expected = [[logit.data for logit in row] for row in model(tokens)]
            for row, right in zip(logits(tokens), expected, strict=True):
                assert row == pytest.approx(right, rel=1e-12)
        for parameter in model.parameters():
            parameter.data *= 1.5  # what it learns meanwhile counts


@pytest.mark.parametrize(
    ("option", "installed", "told"),
    [(None, True, True), (None, False, False), (False, True, False), (True, False, True)],
)
@pytest.mark.filterwarnings("ignore:llvmlite is not installed")
def test_it_is_compiled_where_that_can_be_had(option, installed, told, tmp_path, monkeypatch, capsys):
    from autograd_tiny.compilation import executors

    monkeypatch.setattr(executors, "has_llvm", lambda: False)
    monkeypatch.setattr("autograd_tiny.examples.gpt.find_spec", lambda name: name if installed else None)
    (tmp_path / "few.txt").write_text("a\nb")
    gpt(examples.Stage(tmp_path, Console(width=200)), examples.Options(data=tmp_path / "few.txt", epochs=1, jit=option))
    assert ("First it is compiled" in capsys.readouterr().out) is told


# ---------------------------------------------------------------- the example


@pytest.mark.slow
def test_it_learns_and_draws(tmp_path):
    figures = run(tmp_path, epochs=3)
    assert figures["loss"] < figures["first loss"] - 0.1 < 3.0
    assert (tmp_path / "gpt-attention.png").stat().st_size > 10_000
    assert (tmp_path / "gpt-loss.png").exists()


@pytest.mark.slow
def test_the_whole_run_learns_how_names_go(tmp_path, capsys):
    console = Console(width=200)
    figures = gpt(examples.Stage(tmp_path, console), examples.Options())
    assert figures["loss"] < 2.45
    told = capsys.readouterr().out
    assert "4,192 parameters, 1,000 steps on one name each" in told
    assert "It invents: " in told


@pytest.mark.slow
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    data = tmp_path / "few.txt"
    data.write_text("\n".join(read_names(None)[:6]))
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    run(tmp_path, data=data, epochs=4, checkpoint=whole)
    cut_short(tmp_path, data=data, epochs=4, checkpoint=parts, after=2)
    assert json.loads(parts.read_text())["history"]["loss"] == json.loads(whole.read_text())["history"]["loss"][:2]
    run(tmp_path, data=data, epochs=4, checkpoint=parts, resume=True)
    assert json.loads(parts.read_text()) == json.loads(whole.read_text())


def cut_short(folder, after, **options):
    """Run the example until its checkpoint of that epoch is written."""
    from autograd_tiny.train.checkpoint import Run

    save = Run.save

    def stop(run, path):
        save(run, path)
        if run.history.epochs == after:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            run(folder, **options)


def test_a_checkpoint_of_another_list_of_names_is_refused(tmp_path):
    for number, names in enumerate(["ab\nba", "abc\ncab"]):
        (tmp_path / f"{number}.txt").write_text(names)
    settings = {"epochs": 1, "checkpoint": tmp_path / "run.json"}
    run(tmp_path, data=tmp_path / "0.txt", **settings)
    with pytest.raises(StateError, match=r"run\.json .*this training.*token_embedding\.weight has the shape 4 x 16"):
        run(tmp_path, data=tmp_path / "1.txt", resume=True, **settings)


def test_letters_and_numbers_that_it_does_not_know():
    vocabulary = Vocabulary(["ada"])
    with pytest.raises(ParameterError, match="no name of the list has the letter 'A' of 'Ada'"):
        vocabulary.encode("Ada")
    with pytest.raises(ParameterError, match="needs an index, a whole number from 0 to 2, got 3"):
        vocabulary.decode([3])
    assert vocabulary.decode([0, 2]) == "a"
    for temperature in (0, -1.0, float("nan")):
        with pytest.raises(ParameterError, match="temperature is a finite number above 0"):
            sample(GPT(3), vocabulary, Random(0), temperature)
    with pytest.raises(ParameterError, match="layers is a whole number of at least 1, got -1"):
        GPT(3, layers=-1)


def test_longer_names_are_told_of(tmp_path, capsys):
    (tmp_path / "long.txt").write_text("ab\n" + "ab" * 10)
    gpt(examples.Stage(tmp_path, Console(width=200)), examples.Options(data=tmp_path / "long.txt", epochs=1))
    assert "Of 1 longer names only the first 16 letters are read." in capsys.readouterr().out
