"""The test suite. Mirrors the packages; e2e, conformance, faults and bench beside them."""
