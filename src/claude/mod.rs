//! What the client accepts and where it looks.

pub mod gate;
pub mod surface;
