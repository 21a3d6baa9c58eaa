"""Numbers in rows: `areas` has one row a tissue."""
