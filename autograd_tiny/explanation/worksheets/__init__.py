"""Worksheets: exercise sheets made of step records, their forms, and the marking of answers."""

from .marking import Mark, Marks, mark
from .sheet import Blank, Worksheet, variants, worksheet

__all__ = ["Blank", "Mark", "Marks", "Worksheet", "mark", "variants", "worksheet"]
