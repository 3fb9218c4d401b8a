//! Embeds `registry-index/`: writes the list of its files, with their modes, for `index/builtin.rs` to include.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let root = Path::new(&here).join("registry-index");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    walk(&root, "", &mut files)?;
    files.sort();
    let mut code = String::from("&[\n");
    for (path, executable) in files {
        let place = root.join(&path);
        let _ = writeln!(code, "    ({path:?}, {executable}, include_bytes!({:?})),", place.display().to_string());
    }
    code.push_str("]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("registry_index.rs"), code)
}

fn walk(dir: &Path, prefix: &str, files: &mut Vec<(String, bool)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| io::Error::other("a file name is not UTF-8"))?;
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &path, files)?;
        } else {
            files.push((path, is_executable(&entry.metadata()?)));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o100 != 0
}

/// Elsewhere the file system has no such mode; the scripts that the index hosts say so by their name.
#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}
