"""Slack's own library, as an agent would use it: proxy and CA (SSL_CERT_FILE), or SLACK_BASE_URL, from the environment."""

import os

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from session import answer, failure, serve


class Client(WebClient):
    """Remembers the answer's content, which the library gives read only. There is no other way to it."""

    content = None

    def _perform_urllib_http_request_internal(self, url, req):
        result = super()._perform_urllib_http_request_internal(url, req)
        self.content = result["body"].encode()
        return result


client = Client(token="xoxb-not-a-secret", base_url=os.environ.get("SLACK_BASE_URL", Client.BASE_URL))


def call(method, **kwargs):
    try:
        response = method(**kwargs)
    except SlackApiError as problem:
        response = problem.response
        return failure(
            problem,
            code=response["error"],
            http_status=response.status_code,
            headers=response.headers,
        )
    return answer(
        True,
        status=response.status_code,
        content=client.content,
        value=response.data,
        headers=response.headers,
    )


serve(
    {
        "whoami": lambda: call(client.auth_test),
        "post": lambda channel, text: call(client.chat_postMessage, channel=channel, text=text),
        "delete": lambda channel, ts: call(client.chat_delete, channel=channel, ts=ts),
        "invite": lambda channel, user: call(client.conversations_invite, channel=channel, users=user),
        "unknown": lambda method: call(client.api_call, api_method=method),
    }
)
