
class RefundService(StripeService):
    def create(self):
        return self._request("post", "/v1/refunds", base_address="api")

    def pdf(self):
        return self._request_stream("get", "/v1/refunds/pdf", base_address="files")
