"""Telling clients that the session under which somebody signed in to them is over.

A *notice* is one client to be told of one ended session, by the back channel: the worker sends it until it is taken or
its time is over. By the front channel the page that says goodbye frames a page of each client's.
"""
