"""Flows: what a browser is led through, step by step, and why it came to its end.

A *flow* has an id of 128 random bits, a *kind*, and belongs to one browser, by the hash of a cookie. It keeps what was
asked, and each *check* that was made of it with what was expected and received. Only while it is `pending` can it be
taken up; ending it is one statement, so that of two who do at once one wins. It is kept for a short, set time.
"""
