"""Studies that train nothing, for the benchmarks and for the tests."""
