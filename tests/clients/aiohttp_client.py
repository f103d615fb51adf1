"""aiohttp, as an agent would use it: CA (SSL_CERT_FILE) from the environment; it asks that for a proxy where the preload has it do so."""

import asyncio

import aiohttp

from session import answer, failure, serve

KEY = {"authorization": "Bearer sk_test_not-a-secret"}


async def send(method, url, pairs):
    async with aiohttp.ClientSession(headers=KEY) as session:
        form = dict(pair.split("=", 1) for pair in pairs) or None
        async with session.request(method, url, data=form) as response:
            content = await response.read()
            try:
                response.raise_for_status()
            except aiohttp.ClientResponseError as problem:
                return failure(
                    problem,
                    http_status=problem.status,
                    message=content.decode(),
                    headers=response.headers,
                )
            return answer(
                True,
                status=response.status,
                content=content,
                value=content.decode(),
                headers=response.headers,
            )


serve(
    {
        "get": lambda url: asyncio.run(send("GET", url, [])),
        "post": lambda url, *pairs: asyncio.run(send("POST", url, pairs)),
    }
)
