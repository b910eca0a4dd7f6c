"""The TypeScript client and what is built with it, with the real toolchain against real servers."""
