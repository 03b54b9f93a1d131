//! What the adapters that carry pictures share: whether one that was fetched can be used, and the form in
//! which it is uploaded. A picture never keeps its post back: without it, the post says so.

use bytes::Bytes;
use serde_json::Value;

use super::{Piece, Stage, Unfit};
use crate::model::{Header, Request, Response};
use crate::post::picture::{Kind, Picture};

/// Larger ones are not fetched, whatever a platform takes: each is in memory twice while it is uploaded.
pub(super) const FETCHED_MAX: usize = 8 << 20;

/// A picture that was fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetched<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) kind: Kind,
}

impl Fetched<'_> {
    /// As the body of an upload.
    pub(super) fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(self.bytes)
    }
}

/// What was fetched, if it is a picture of a kind that is taken.
pub(super) fn fetched<'a>(
    answer: &'a Response,
    takes: impl Fn(&str) -> bool,
) -> Result<Fetched<'a>, String> {
    if answer.status != 200 {
        return Err(String::from_utf8_lossy(&answer.body).into_owned());
    }
    let bytes = answer.body.as_slice();
    let Some(kind) = Kind::of(bytes) else {
        return Err("it is no JPEG, PNG, GIF, WebP or AVIF".to_owned());
    };
    if !takes(kind.mime) {
        return Err(format!("the platform does not take {}", kind.mime));
    }
    Ok(Fetched { bytes, kind })
}

/// The publish call without the picture, and why.
pub(super) fn without(request: Result<Request, Unfit>, picture: &Picture, why: &str) -> Stage {
    let host = url::Url::parse(&picture.url).ok();
    let host = host.as_ref().and_then(url::Url::host_str).unwrap_or("an unknown place").to_owned();
    with(request, |_| {}, vec![format!("without its picture from {host}: {why}")])
}

/// The publish call with what `add` puts into it.
pub(super) fn with(
    request: Result<Request, Unfit>,
    add: impl FnOnce(&mut Value),
    notes: Vec<String>,
) -> Stage {
    match request {
        Ok(mut request) => {
            if let Ok(mut body) = serde_json::from_str(&request.body) {
                add(&mut body);
                request.body = body.to_string();
            }
            Stage::Ready { request, notes }
        }
        Err(unfit) => Stage::Unfit(unfit),
    }
}

/// A form with a picture and a text about it: its header and its body.
pub(super) fn form(
    picture: Fetched<'_>,
    about: Option<(&str, &str)>,
    piece: &Piece<'_>,
) -> (Header, Vec<u8>) {
    let end = format!("oncecast-{}", piece.key);
    let mut body = Vec::with_capacity(picture.bytes.len() + 1024);
    if let Some((name, text)) = about {
        let part = "Content-Disposition: form-data; name=";
        body.extend(format!("--{end}\r\n{part}\"{name}\"\r\n\r\n{text}\r\n").into_bytes());
    }
    let (mime, extension) = (picture.kind.mime, picture.kind.extension);
    body.extend(
        format!(
            "--{end}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"picture.{extension}\"\r\n\
             Content-Type: {mime}\r\n\r\n"
        )
        .into_bytes(),
    );
    body.extend_from_slice(picture.bytes);
    body.extend(format!("\r\n--{end}--\r\n").into_bytes());
    (("content-type".to_owned(), format!("multipart/form-data; boundary={end}")), body)
}
