"""The simulated WeChat Pay v3 and its bills."""
