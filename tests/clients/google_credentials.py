"""Credentials of Google's that have run out, so that a library renews them first."""

import datetime

from google.oauth2.credentials import Credentials

credentials = Credentials(
    "ya29.run-out",
    refresh_token="not-a-secret",
    client_id="client-1",
    client_secret="not-a-secret",
    token_uri="https://oauth2.googleapis.com/token",
    expiry=datetime.datetime(2020, 1, 1),
)
