"""The outside world, one file each, and the mechanics of HTTP that every feature shares.

Foundation knows no feature. What it hands out (a transaction, the time, a secret) is a plain value or a
small class that a feature receives from `app.wiring`; nothing here reads settings or keeps module state.
"""
