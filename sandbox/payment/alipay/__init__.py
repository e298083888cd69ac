"""The simulated Alipay gateway and its bills."""
