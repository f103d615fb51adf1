
_subservices = {
    "customers": ["stripe._a_service", "CustomerService"],
    "refunds": [
        "stripe.v2._b_service",
        "RefundService",
    ],
}

class V1Services(StripeService):
    pass
