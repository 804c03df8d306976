//! Estimates of round trips, held against measured ones.

mod sites;

use sites::Measured;
use sites::Setup;
use sites::outcomes;
