//! What the client accepts and where it looks.

pub mod client_lock;
pub mod gate;
pub mod inspect;
pub mod loaded;
pub mod markets;
pub mod needs;
pub mod others;
pub mod paths;
pub mod place;
pub mod project;
pub mod rival;
pub mod settings;
pub mod surface;
