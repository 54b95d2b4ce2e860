"""Answering a repeated request as it was answered the first time, and doing what it asks once.

The claim, the change and the answer are one transaction: there is no moment at which one exists without the others.
"""
