_subservices = {"a": ["stripe..etc.passwd", "A"], "b": ["stripe./etc/passwd", "B"], "c": ["stripe.._a_service", "C"]}
