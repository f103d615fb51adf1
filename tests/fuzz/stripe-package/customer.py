
_subservices = {"sources": ["stripe._a_service", "SourceService"]}

class CustomerService(StripeService):
    def __getattr__(self, name):
        pass

    def delete(self, customer: str, /) -> "Customer":
        """
        Deletes, and says "post" in its text.
        """
        return cast(
            "Customer",
            self._request(
                "delete",
                "/v1/customers/{customer}".format(
                    customer=sanitize_id(customer),
                ),
                base_address="api",
            ),
        )

    async def delete_async(self, customer: str, /) -> "Customer":
        return cast("Customer", await self._request_async("delete", "/v1/other", base_address="api"))

    def list(self):
        return self._request("get", "/v1/customers", base_address="api")

class Other:
    def steal(self):
        return self._request("get", "/v1/stolen", base_address="api")
