"""Roles hold permissions; users hold roles, everywhere or limited to one audience.

A permission belongs to an audience: what `admin` may do at `orders-api` says nothing of this service itself.
"""
