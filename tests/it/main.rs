//! The proof, in one binary: the list of modules is its table of contents.
#![deny(unsafe_code)]

mod layers;
mod sources;
mod tidy;
