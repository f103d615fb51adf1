"""Twilio's own library, as an agent would use it: proxy and CA (REQUESTS_CA_BUNDLE) from the environment."""

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from session import answer, failure, serve


class Http(TwilioHttpClient):
    """Remembers the last answer, which the library gives read only."""

    last = None

    def request(self, *args, **kwargs):
        self.last = super().request(*args, **kwargs)
        return self.last


http = Http()
client = Client("AC0123456789abcdef0123456789abcdef", "not-a-secret", http_client=http)


def call(method, *args, **kwargs):
    try:
        value = method(*args, **kwargs)
    except TwilioRestException as problem:
        return failure(
            problem,
            code=str(problem.code),
            http_status=problem.status,
            message=problem.msg,
            headers=http.last.headers,
        )
    last = http.last
    return answer(
        True,
        status=last.status_code,
        content=(last.text or "").encode(),
        value=str(value),
        headers=last.headers,
    )


def send(to):
    return call(client.messages.create, to=to, from_="+15005550001", body="Hello!")


serve(
    {
        "messages": lambda: call(client.messages.page, page_size=50),
        "send": send,
        "delete": lambda sid: call(client.messages(sid).delete),
    }
)
