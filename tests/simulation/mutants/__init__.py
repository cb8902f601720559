"""Can the simulation's checker see? Mistakes that other trading bots have made, and the seed that sees each.

- ``*.patch`` are the mistakes: the first line says what is wrong, and which words of a complaint are expected.
- ``patches`` reads them and puts them into a tree.
- ``trees`` copies the tree, puts one mistake in, and runs seeds there until one goes wrong.
- ``seeds_until_wrong`` is what runs in the copy, in a process of its own.

``python -m tests.simulation.mutants`` runs them all; ``make mutants`` is the same.
"""
