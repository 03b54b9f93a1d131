//! The promise under every fault that we can make: what no test of one case can show.

mod disk;
mod model;
mod power;
mod sim;

use std::path::Path;

/// A folder in memory, where there is one.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}
