"""Measurements beside other engines, ``autograd-tiny bench``: what each works out is the same, and checked to be.

Every ``with_*`` module does the works in one library's own way, as well as that library can; ``ours`` holds those of
this package's compiler. ``problems`` has the numbers that all start from.
"""
