"""What people have allowed clients, remembered so that they are asked once.

A *consent* is of one user to one client: the scopes and the single claims that they agreed to hand over. It grows with
each further yes, and withdrawing it takes it away whole.
"""
