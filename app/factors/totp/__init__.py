"""Time-based one-time codes of an authenticator app, one seed a user. Spec: RFC 6238.

A seed is pending until a first code confirms it, and shown only while it is made. Each step is accepted once.
"""
