"""Operator commands, one file per noun: `auth-service …`, which is `python -m app.cli …`.

A command works on one deployment: the development instance in a data folder, running or stopped, or the database
that the settings name. `options` and `data_folder` are light; so is `target`, which finds the deployment and reads its
settings; `context` opens the services and imports them all.
"""
