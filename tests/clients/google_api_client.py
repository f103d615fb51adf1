"""Google's library for all of its APIs, as an agent would use it: proxy and CA (HTTPLIB2_CA_CERTS) from the environment."""

from google.auth.exceptions import RefreshError
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from google_credentials import credentials
from session import answer, failure, serve

storage = build("storage", "v1", http=AuthorizedHttp(credentials), static_discovery=True)


def call(request):
    try:
        value = request.execute(num_retries=2)
    except HttpError as problem:
        details = problem.error_details
        code = details[0]["reason"] if details else None
        return failure(problem, code=code, http_status=problem.status_code, headers=dict(problem.resp))
    except RefreshError as problem:
        return failure(problem)
    return answer(True, status=200, content=value if isinstance(value, bytes) else None, value=str(value))


serve(
    {
        "download": lambda bucket, name: call(storage.objects().get_media(bucket=bucket, object=name)),
        "delete": lambda bucket, name: call(storage.objects().delete(bucket=bucket, object=name)),
        "open_to_all": lambda bucket: call(
            storage.buckets().patch(bucket=bucket, body={"iamConfiguration": {"publicAccessPrevention": "inherited"}})
        ),
    }
)
