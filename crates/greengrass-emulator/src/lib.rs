//! greengrass-emulator
