//! Master files: what is read, and what is said of what can't be.
