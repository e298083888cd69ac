"""The fleet under fault and load: real processes, real servers, a ledger at the end (`make chaos`)."""
