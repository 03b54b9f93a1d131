//! The door over real sockets: what it reads, what it refuses to read, and where it will not go.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oncecast::wire::{Get, GetError, Getter as _, Reach, Wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

/// A server that gives one answer to whoever connects, and counts connections.
async fn server(answer: Vec<u8>, hang: bool) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while let Ok(read) = stream.read(&mut request).await {
                    if read == 0 || stream.write_all(&answer).await.is_err() {
                        break;
                    }
                    if hang {
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    (Url::parse(&format!("http://127.0.0.1:{port}/feed")).expect("a url"), connections)
}

fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

async fn get(url: &Url, reach: Reach, max: usize) -> Result<Vec<u8>, GetError> {
    let wire = Wire::open().expect("a network");
    let timeout = Duration::from_millis(500);
    let get = Get { url, headers: Vec::new(), reach, max_body: max, max_wire: max, timeout };
    wire.get(get).await.map(|response| response.body)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("finished")
}

#[tokio::test]
async fn a_body_that_unpacks_without_end_is_cut_off() {
    let bomb = gzip(&vec![0; 50 << 20]);
    assert!(bomb.len() < 100 << 10, "it is small on the wire: {}", bomb.len());
    let (url, _) = server(answer("content-encoding: gzip\r\n", &bomb), false).await;
    let got = get(&url, Reach::Anywhere, 1 << 20).await;
    assert!(matches!(got, Err(GetError::TooLarge { .. })), "{got:?}");
    let (url, _) = server(answer("content-encoding: gzip\r\n", &gzip(b"a feed")), false).await;
    assert_eq!(get(&url, Reach::Anywhere, 1 << 20).await, Ok(b"a feed".to_vec()));
    let (url, _) = server(answer("", &vec![b'x'; 2 << 20]), false).await;
    let got = get(&url, Reach::Anywhere, 1 << 20).await;
    assert!(matches!(got, Err(GetError::TooLarge { .. })), "{:?}", got.map(|b| b.len()));
}

#[tokio::test]
async fn a_server_that_drips_or_breaks_off_holds_nobody() {
    let (url, _) =
        server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec(), true).await;
    let got = get(&url, Reach::Anywhere, 1 << 20).await;
    assert!(matches!(got, Err(GetError::Timeout { .. })), "{got:?}");
    let (url, _) = server(b"nonsense\r\n\r\n".to_vec(), false).await;
    let got = get(&url, Reach::Anywhere, 1 << 20).await;
    assert!(matches!(got, Err(GetError::Broken { .. })), "{got:?}");
}

#[tokio::test]
async fn where_somebody_elses_answer_leads_must_be_public() {
    let (url, connections) = server(answer("", b"secret"), false).await;
    let by_name = Url::parse(&url.as_str().replace("127.0.0.1", "localhost")).expect("a url");
    let odd = Url::parse(&url.as_str().replace("127.0.0.1", "0x7f.1")).expect("a url");
    for url in [&url, &by_name, &odd] {
        let got = get(url, Reach::PublicOnly, 1 << 20).await;
        assert!(matches!(got, Err(GetError::Blocked { .. })), "{url}: {got:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0, "nobody was even connected to");
    assert!(
        get(&by_name, Reach::Anywhere, 1 << 20).await.is_ok(),
        "the operator's own word counts"
    );
}

/// A reused connection is replayed by the HTTP library out of our sight: each request has its own.
#[tokio::test]
async fn no_connection_is_used_twice() {
    let (url, connections) = server(answer("", b"x"), false).await;
    let wire = Wire::open().expect("a network");
    for _ in 0..3 {
        let timeout = Duration::from_secs(5);
        let get = Get {
            url: &url,
            headers: Vec::new(),
            reach: Reach::Anywhere,
            max_body: 1 << 20,
            max_wire: 1 << 20,
            timeout,
        };
        wire.get(get).await.expect("an answer");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}
