
class SourceService(StripeService):
    def verify(self, customer, id):
        return self._request("post", "/v1/customers/{customer}/sources/{id}/verify".format(id=id), base_address="api")
