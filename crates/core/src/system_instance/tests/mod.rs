//! Tests of the whole of it: see the modules.
