# The lints are tests of their own: label lint. Each also proves itself on planted violations (--self-test).
