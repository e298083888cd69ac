"""A small GraphQL server: reads, checks, prices and answers documents against a schema. Nothing of shops in it."""

from __future__ import annotations
