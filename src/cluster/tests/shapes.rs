//! tests of this
