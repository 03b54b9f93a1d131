//! A blog's server on a real socket that answers by a script and writes down what it was asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// One byte of the body after each such pause, without end.
    pub drips: Option<Duration>,
    /// The body over and over, without end.
    pub endless: bool,
    /// How long nothing comes.
    pub late: Option<Duration>,
}

impl Answer {
    pub fn new(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { status, headers, body: body.into(), ..Self::default() }
    }
}

type Script = Arc<Mutex<BTreeMap<String, Answer>>>;

/// The server.
#[derive(Clone)]
pub struct Server {
    pub port: u16,
    script: Script,
    asked: Arc<Mutex<Vec<Asked>>>,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Server {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = Self {
            port: listener.local_addr().expect("an address").port(),
            script: Arc::default(),
            asked: Arc::default(),
            open: Arc::default(),
            most: Arc::default(),
        };
        let desk = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let desk = desk.clone();
                tokio::spawn(async move {
                    let now = desk.open.fetch_add(1, Ordering::SeqCst) + 1;
                    desk.most.fetch_max(now, Ordering::SeqCst);
                    desk.serve(stream).await.ok();
                    desk.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What is at a path from now on.
    pub fn says(&self, path: &str, answer: Answer) {
        self.script.lock().expect("free").insert(path.to_owned(), answer);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("free").clone()
    }

    pub fn last(&self) -> Asked {
        self.asked().pop().expect("somebody asked")
    }

    /// The most connections that were open at once.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
        self.asked.lock().expect("free").push(Asked { path: path.clone(), headers });
        let answer = self.script.lock().expect("free").get(&path).cloned();
        let answer = answer.unwrap_or_else(|| Answer::new(404, &[], ""));
        if let Some(late) = answer.late {
            tokio::time::sleep(late).await;
        }
        let mut text = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", answer.status);
        for (name, value) in &answer.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if answer.drips.is_none() && !answer.endless {
            text += &format!("content-length: {}\r\n", answer.body.len());
        }
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        while let Some(pause) = answer.drips {
            stream.write_all(b" ").await?;
            tokio::time::sleep(pause).await;
        }
        loop {
            stream.write_all(&answer.body).await?;
            if !answer.endless {
                return stream.shutdown().await;
            }
        }
    }
}
