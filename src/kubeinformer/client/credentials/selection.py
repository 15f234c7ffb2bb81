"""Which credentials a configuration asks for."""

from __future__ import annotations

from kubeinformer.client.config import Config
from kubeinformer.client.credentials.anonymous import Anonymous
from kubeinformer.client.credentials.basic import BasicLogin
from kubeinformer.client.credentials.protocol import Credentials
from kubeinformer.client.credentials.static_token import StaticToken
from kubeinformer.client.credentials.token_file import TokenFile
from kubeinformer.clock import Clock


def credentials_for(config: Config, clock: Clock) -> Credentials:
    """Return the credentials of a configuration, of which it names at most one kind."""
    if config.token is not None:
        return StaticToken(config.token)
    if config.token_file is not None:
        return TokenFile(config.token_file, clock)
    if config.username is not None:
        return BasicLogin(config.username, config.password or "")
    return Anonymous()
