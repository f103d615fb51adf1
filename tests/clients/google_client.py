"""Google's own library for Cloud Storage, as an agent would use it: proxy and CA (REQUESTS_CA_BUNDLE) from the environment.

Its token has run out, so that it renews that first.
"""

import threading

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import RefreshError
from google.cloud import storage

from google_credentials import credentials
from session import answer, failure, serve

client = storage.Client(project="acme", credentials=credentials)


def settle():
    """The library asks about the bucket in the background, at its first use."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(20)


def call(method, *args, **kwargs):
    try:
        value = method(*args, **kwargs)
    except GoogleAPICallError as problem:
        error = problem.errors[0] if problem.errors else {}
        return failure(
            problem,
            code=error.get("reason"),
            http_status=problem.code,
            headers=problem.response.headers,
        )
    except RefreshError as problem:
        settle()
        return failure(problem)
    settle()
    content = value if isinstance(value, bytes) else None
    return answer(True, status=200, content=content, value=str(value))


def blob(bucket, name):
    return client.bucket(bucket).blob(name)


def exchange(code):
    """As an installed application does with the code that a person was given."""
    import requests

    form = {"grant_type": "authorization_code", "code": code, "client_id": "client-1"}
    response = requests.post("https://oauth2.googleapis.com/token", data=form)
    if response.ok:
        return answer(True, status=response.status_code, content=response.content)
    error = response.json()
    return failure(
        Exception(error["error_description"]),
        code=error["error"],
        http_status=response.status_code,
        headers=response.headers,
    )


def open_to_all(bucket):
    bucket = client.bucket(bucket)
    bucket.iam_configuration.public_access_prevention = "inherited"
    bucket.patch()


serve(
    {
        "download": lambda bucket, name: call(blob(bucket, name).download_as_bytes),
        "delete": lambda bucket, name: call(blob(bucket, name).delete),
        "open_to_all": lambda bucket: call(open_to_all, bucket),
        "exchange": exchange,
    }
)
