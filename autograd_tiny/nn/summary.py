"""The table of a model: its modules, what they return for an example, how many parameters each holds."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from ..recording import no_grad
from .module import Module
from .shapes import shape_of, shape_text

MOST_COLUMNS = 1000


def summary(model: Module, example: Sequence[Any] = ()) -> str:
    """Return the table; see :meth:`Module.summary`."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    outputs = _shapes_returned(model, example) if example else {}
    table = Table(box=box.HORIZONTALS, pad_edge=False, show_edge=False)
    for heading in ("name", "module", *(["returns"] if outputs else []), "parameters"):
        table.add_column(heading, justify="right" if heading == "parameters" else "left")
    for name, module in model.named_modules(into_layers=False):
        kind = f"{type(module).__name__}({module.extra_repr()})"
        shape = [Text(outputs.get(id(module), "not called"))] if outputs else []
        table.add_row(Text(name), Text(kind), *shape, Text(f"{len(module.parameters()):,}"))
    text = io.StringIO()
    Console(file=text, width=MOST_COLUMNS, color_system=None, force_jupyter=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _shapes_returned(model: Module, example: Sequence[Any]) -> dict[int, str]:
    """Call the model once as in use, so that it stays as it is, and note what each module inside it returned last."""
    shapes: dict[int, str] = {}
    modules = model.modules()
    training = [module.training for module in modules]

    def watched(module: Module) -> Any:
        forward = module.forward

        def watch(*args: Any, **kwargs: Any) -> Any:
            result = forward(*args, **kwargs)
            parts = result if isinstance(result, tuple) else (result,)
            shapes[id(module)] = ", ".join(shape_text(shape_of(part)) for part in parts)
            return result

        return watch

    try:
        for module in modules:
            module.__dict__["forward"] = watched(module)
        model.eval()
        with no_grad():
            model(*example)
    finally:
        for module, before in zip(modules, training, strict=True):
            module.__dict__.pop("forward", None)
            module.training = before
    return shapes
