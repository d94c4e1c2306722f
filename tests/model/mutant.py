# SPDX-License-Identifier: MIT
"""What is a mistake in a source that must be noticed?

A mutant is a source with one text replaced. Its text must occur exactly once: when the source moves
on, so does the mutant.
"""
from dataclasses import dataclass, field


@dataclass
class Mutant:
    name: str
    file: str
    old: str
    new: str
    scenarios: list = field(default_factory=list)  # each must fail
    tools: tuple = ("relacy", "genmc")             # under each of these
