//! What the real client does with what cpm installs. These tests run where `CLAUDE_BIN` names the client, and compare what
//! it lists with what `cpm list --loaded` says that it will.

mod beside;
mod doctor;
mod kinds;
mod parts;
mod scopes;
