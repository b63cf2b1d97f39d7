"""Drawing: pictures of computation graphs and of networks, as SVG, PNG, DOT, Mermaid and text.

``pip install`` alone is enough to draw: see :mod:`autograd_tiny.graphviz_engine`. Without any engine a notebook
shows the text form.
"""

from .graph_picture import Drawing, draw
from .network import NetworkDrawing, draw_network

__all__ = ["Drawing", "NetworkDrawing", "draw", "draw_network"]
