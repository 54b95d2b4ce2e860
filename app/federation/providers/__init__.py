"""The registry of identity providers: which there are, how each is set up, and what its people become here.

A connection is *declared* where the settings say it, and *registered* where an administrator does. A declared one is
what the settings say and nothing else; of two with one id the declared one counts. Secrets are sealed, and shown by
nothing.
"""
