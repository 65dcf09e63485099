"""`python -m extauth` is the `extauth` command."""

from extauth.cli.main import main

main()
