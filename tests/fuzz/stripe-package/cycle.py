_subservices = {"a": ["stripe._a_service", "A"], "b": ["stripe.v2._b_service", "B"], "a": ["stripe._a_service", "A"], "b": ["stripe.v2._b_service", "B"], "a": ["stripe._a_service", "A"], "b": ["stripe.v2._b_service", "B"], }
class A:
    def list(self):
        return self._request("get", "/v1/a", base_address="api")
