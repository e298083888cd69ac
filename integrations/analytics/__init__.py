"""The columnar engine behind `domain.reconcile_engine`: DuckDB and Excel, in a process of their own."""
