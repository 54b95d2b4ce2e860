"""Benchmarks: each prints ratios of one run, on this machine, between the project and its own floors.

`python -m bench` runs them all. What the figures mean, and what came out, stands in `docs/benchmarks.md`.

Words: a *case* is one thing that is measured; a *round* is a few seconds of it. The cases of a group take turns
(A B C, C B A, …), so that whatever else the machine does hits all of them alike. A *ratio* compares two cases
within a round, by CPU seconds of the process under test for each request.
"""
