"""The player: an Explanation as a page that plays it, and what the page is made of."""

from .page import Player

__all__ = ["Player"]
