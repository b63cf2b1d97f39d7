"""Sphinx configuration."""

import re
import shutil
from pathlib import Path

project = "autograd_tiny"
copyright = "2026, the autograd_tiny authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.doctest"]
html_theme = "furo"
html_title = "autograd_tiny"
exclude_patterns = ["_build", "jupyter_execute"]
nb_execution_mode = "off"  # notebooks are saved with their outputs, and a test executes them; some pages ask for more
nb_execution_timeout = 300
nb_execution_raise_on_error = True
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
autodoc_member_order = "bysource"

# The notebooks live at the top level; Sphinx reads sources below this folder only.
here = Path(__file__).parent
pages = {
    "01_first_steps": "first-steps",
    "02_classic_networks": "classic-networks",
    "03_from_scalars_to_silicon": "from-scalars-to-silicon",
}
for notebook, page in pages.items():
    shutil.copy(here.parent / "notebooks" / f"{notebook}.ipynb", here / f"{page}.ipynb")
napoleon_use_ivar = True  # attributes that are properties, too, are described once


def setup(app):
    """Keep |x| an absolute value: reStructuredText would read it as a substitution."""

    def keep_bars(app, what, name, obj, options, lines):
        lines[:] = [re.sub(r"\|(\w[^|]*)\|", r"\\|\1\\|", line) for line in lines]

    app.connect("autodoc-process-docstring", keep_bars)
