"""`python -m app.cli` is the program `auth-service`."""

from app.cli.main import main

main()
