//! testcluster
