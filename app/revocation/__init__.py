"""What must be refused from now on, and how every process learns of it.

A *revocation* is a row, written in the transaction that revokes. The *publisher*, one process at a time, gives each
committed row a number, so that the order of numbers is the order in which rows became visible. Every process has a
*follower*, which reads on from the last number it has seen and tells whoever listens. The publisher also chains the
audit log, because both need the one thing that only it has: the certainty of being alone.
"""
