"""Stripe's own library, as an agent would use it. STRIPE_CA_BUNDLE, STRIPE_API_KEY, STRIPE_RETRIES and STRIPE_API_BASE set it up."""

import io
import os

import stripe

from session import answer, failure, serve

stripe.api_key = os.environ.get("STRIPE_API_KEY", "sk_test_0000000000000000")
# The library keeps a CA bundle of its own and looks at no variable of the environment.
if "STRIPE_CA_BUNDLE" in os.environ:
    stripe.ca_bundle_path = os.environ["STRIPE_CA_BUNDLE"]
stripe.api_base = os.environ.get("STRIPE_API_BASE", stripe.api_base)
if "STRIPE_RETRIES" in os.environ:
    stripe.max_network_retries = int(os.environ["STRIPE_RETRIES"])


def call(method, *args, **kwargs):
    try:
        result = method(*args, **kwargs)
    except stripe.StripeError as problem:
        return failure(
            problem,
            code=problem.code,
            http_status=problem.http_status,
            message=problem.user_message or str(problem),
            headers=problem.headers,
        )
    response = result.last_response
    return answer(
        True,
        status=response.code,
        content=response.body.encode(),
        value=response.data,
        headers=response.headers,
    )


def fields(words):
    """`amount=5 key=x` as keyword arguments; `idempotency_key` and `stripe_account` are the library's own."""
    return {name: int(value) if value.isdigit() else value for name, _, value in (word.partition("=") for word in words)}


def upload(name, content):
    """A file of this name; the library sends it as multipart/form-data to a host of its own."""
    file = io.BytesIO(content.encode())
    file.name = name
    return call(stripe.File.create, purpose="dispute_evidence", file=file)


serve(
    {
        "balance": lambda: call(stripe.Balance.retrieve),
        "charge": lambda amount, *more: call(
            stripe.Charge.create, amount=int(amount), currency="usd", source="tok_visa", **fields(more)
        ),
        "payment_intent": lambda amount, *more: call(
            stripe.PaymentIntent.create, amount=int(amount), currency="usd", **fields(more)
        ),
        "refund": lambda charge, *more: call(stripe.Refund.create, charge=charge, **fields(more)),
        "customers": lambda *more: call(stripe.Customer.list, **fields(more)),
        "delete_customer": lambda customer: call(stripe.Customer.delete, customer),
        "upload": upload,
        "payout": lambda amount, *more: call(stripe.Payout.create, amount=int(amount), currency="usd", **fields(more)),
    }
)
