//! Tests of several nodes together; they stand in `tests/tests`, one module for one subject.
