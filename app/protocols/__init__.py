"""What the specifications say, as plain functions of values: no database, no HTTP, no clock, no randomness.

Whatever a rule needs (the moment, a key, a stored row) comes in as an argument; what it finds goes out as a value
or a refusal. The tests run the specifications' own vectors.
"""
