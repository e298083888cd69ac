"""What people say and tap, one file a capability. A module here with a `router` is found by its place."""
