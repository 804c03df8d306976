//! Geography.
#![forbid(unsafe_code)]
mod prefix_map;
pub use prefix_map::Found;
pub use prefix_map::Key;
pub use prefix_map::LeafLabel;
pub use prefix_map::PrefixMap;
pub use prefix_map::PrefixMapBuilder;
