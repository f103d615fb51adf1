# What the agent's own interpreter makes of one call, by each client that it has. Arguments: the URL, and what the answer holds.
import json
import ssl
import sys
import warnings

URL, NONCE = sys.argv[1:3]
LIMIT = 8


def by_urllib(verify):
    import urllib.request

    context = None if verify else ssl._create_unverified_context()
    return urllib.request.urlopen(URL, timeout=LIMIT, context=context).read().decode()


def by_requests(verify):
    import requests

    return requests.get(URL, timeout=LIMIT, **({} if verify else {"verify": False})).text


def by_httpx(verify):
    import httpx

    return httpx.get(URL, timeout=LIMIT, **({} if verify else {"verify": False})).text


def attempt(call, verify):
    try:
        answer = call(verify)
    except Exception as problem:
        return "%s: %s" % (type(problem).__name__, problem)
    return "ok" if NONCE in answer else "another answer: " + answer[:200]


warnings.simplefilter("ignore")
for name, call in (("urllib", by_urllib), ("requests", by_requests), ("httpx", by_httpx)):
    try:
        version = getattr(__import__(name), "__version__", "")
    except ImportError as problem:
        # One that is there and broken is a finding; one that is not there is none.
        if getattr(problem, "name", None) == name:
            print(json.dumps({"client": "Python: " + name, "absent": True}), flush=True)
            continue
        version = ""
    except Exception:
        version = ""
    version = "%s (Python %s)" % (version, sys.version.split()[0])
    told = {"client": "Python: " + name, "version": version.strip(), "verified": attempt(call, True)}
    if told["verified"] != "ok":
        told["unverified"] = attempt(call, False)
    print(json.dumps(told), flush=True)
