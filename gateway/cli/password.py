"""``edge-gateway password``: a line for the file of those who may sign in on the page."""

import sys

import click

from gateway.web import passwords


@click.command("password")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(passwords.ROLES),
    default="viewer",
    show_default=True,
    help="A viewer sees; an operator acknowledges, holds, overrides and stops, too.",
)
def command(name: str, role: str) -> None:
    """Print a line for NAME, for web.password_file; asks for the password, or reads it from a pipe.

    Example: edge-gateway password anna --role operator >> /etc/edge-gateway/people
    """
    if sys.stdin.isatty():
        given = click.prompt("password", hide_input=True, confirmation_prompt="again", err=True)
    else:
        given = sys.stdin.readline().rstrip("\n")
    click.echo(passwords.line(name, role, given))
