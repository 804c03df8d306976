//! A book, with a small world.
