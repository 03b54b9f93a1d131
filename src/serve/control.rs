//! The UNIX socket through which a person changes things while the daemon runs: one line of JSON in,
//! one line of JSON out. Whoever may open the socket may ask; who it was stands in the journal.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// The longest question; a reason has 500 bytes, a link 2,048.
const LINE_MAX: u64 = 16 << 10;
/// The longest answer.
const ANSWER_MAX: u64 = 16 << 20;
/// How long a question may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// How many may ask at once.
const CALLERS_MAX: usize = 32;

/// Whoever answers what comes through the socket.
pub trait Answers: Send + Sync + 'static {
    /// A question.
    type Verb: for<'de> Deserialize<'de> + Send;
    /// Its answer.
    type Answer: Serialize + Send;

    /// Answers one question of `who`.
    fn answer(&self, verb: Self::Verb, who: String) -> impl Future<Output = Self::Answer> + Send;
}

/// The bound socket; its file goes with it.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Binds the socket, in place of one that a dead daemon left.
    ///
    /// # Errors
    /// Where another daemon answers there, and what the file system says.
    pub async fn bind(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if UnixStream::connect(path).await.is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another daemon answers there; end it first",
            ));
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers until told to stop.
    pub async fn serve<A: Answers>(self, answers: Arc<A>, stop: CancellationToken) {
        let room = Arc::new(tokio::sync::Semaphore::new(CALLERS_MAX));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            let Ok((stream, _)) = accepted else { continue };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                // A caller that is gone is no trouble of the house.
                talk(stream, answers.as_ref()).await.ok();
                drop(place);
            });
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

async fn talk<A: Answers>(stream: UnixStream, answers: &A) -> io::Result<()> {
    let who = match stream.peer_cred() {
        Ok(peer) => format!("uid {}", peer.uid()),
        Err(_) => "somebody".to_owned(),
    };
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read).take(LINE_MAX);
    tokio::time::timeout(READ_TIMEOUT, read.read_line(&mut line)).await??;
    let reply = match serde_json::from_str::<A::Verb>(&line) {
        Ok(verb) => serde_json::to_value(answers.answer(verb, who).await)?,
        Err(error) => {
            let message = format!(
                "the daemon does not understand this: {error}; is it of another \
                                   release than the command?"
            );
            serde_json::json!({ "Err": { "code": 69, "message": message } })
        }
    };
    let mut bytes = serde_json::to_vec(&reply)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await?;
    write.shutdown().await
}

/// Asks the daemon; `None` where none answers at that socket.
///
/// # Errors
/// Where it answers and breaks off.
pub async fn ask<Q: Serialize, R: for<'de> Deserialize<'de>>(
    path: &Path,
    question: &Q,
) -> io::Result<Option<R>> {
    ask_for(path, question, ANSWER_TIMEOUT).await
}

/// Asks the daemon, with more patience than usual.
///
/// # Errors
/// As [`ask`].
pub async fn ask_for<Q: Serialize, R: for<'de> Deserialize<'de>>(
    path: &Path,
    question: &Q,
    patience: Duration,
) -> io::Result<Option<R>> {
    let mut stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = Vec::new();
    let mut limited = stream.take(ANSWER_MAX);
    tokio::time::timeout(patience, limited.read_to_end(&mut answer)).await??;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended without an answer"));
    }
    Ok(Some(serde_json::from_slice(&answer)?))
}
