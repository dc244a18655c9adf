//! Events of resources. I/O.
