//! A feed that is a local file: read off the async threads, up to the cap, and only if it is a
//! regular file, since a pipe would hold the poll for ever.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{FetchError, MAX_BODY};

pub(super) async fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    let shown = path.display().to_string();
    let owned = path.to_owned();
    let work = tokio::task::spawn_blocking(move || read_now(&owned));
    let read = work.await.unwrap_or_else(|error| Err(format!("it was not read: {error}")));
    read.map_err(|why| FetchError::File { path: shown, why })
}

fn read_now(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let cap = MAX_BODY as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(cap).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() > MAX_BODY {
        return Err(format!("it is larger than {MAX_BODY} bytes"));
    }
    Ok(bytes)
}
