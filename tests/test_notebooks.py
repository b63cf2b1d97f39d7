"""The notebooks run, and were saved with their outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saved_with_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert any(cell.outputs for cell in cells)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the Jupyter machinery, not ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_shows_what_was_saved(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    saved = [_texts(cell) for cell in notebook.cells]
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(path.parent))
    assert [_texts(cell) for cell in notebook.cells] == saved


def _texts(cell: nbformat.NotebookNode) -> list[str]:
    """The plain-text results of a cell; pictures and progress bars may differ from machine to machine."""
    outputs = [output for output in cell.get("outputs", []) if output.output_type == "execute_result"]
    return [output.data["text/plain"] for output in outputs if set(output.data) == {"text/plain"}]
