"""The pages on which people sign in and up: a sequence of forms over the services that do it.

A *sign-in at the pages* is a row: what is asked for, where the browser goes on afterwards, and how far it has come. It
belongs to the one browser that opened it first. Nothing here decides who somebody is: every step calls the service
that the JSON routes call, so that limits, timing and words are the same.
"""
