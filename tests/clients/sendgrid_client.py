"""SendGrid's own library, as an agent would use it: proxy and CA (SSL_CERT_FILE), or SENDGRID_HOST, from the environment."""

import os

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

from session import answer, failure, serve

host = os.environ.get("SENDGRID_HOST", "https://api.sendgrid.com")
client = SendGridAPIClient("SG.not-a-secret", host=host)


def call(method, *args, **kwargs):
    try:
        response = method(*args, **kwargs)
    except HTTPError as problem:
        # `to_dict` is what the library's documentation has people look at.
        first = problem.to_dict["errors"][0]
        return failure(
            problem,
            http_status=problem.status_code,
            message=first["message"],
            headers=problem.headers,
        )
    return answer(
        True,
        status=response.status_code,
        content=response.body,
        value=response.body.decode(),
        headers=response.headers,
    )


def send(count):
    recipients = [f"user{number}@example.com" for number in range(int(count))]
    mail = Mail(from_email="bot@example.com", to_emails=recipients, subject="Hello", plain_text_content="Hello!")
    return call(client.send, mail)


serve(
    {
        "templates": lambda: call(client.client.templates.get),
        "send": send,
        "delete_bounces": lambda: call(client.client.suppression.bounces.delete, request_body={"delete_all": True}),
    }
)
