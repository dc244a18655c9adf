//! greengrass-operator
