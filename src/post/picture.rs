//! The picture of an entry, and what it shows, for platforms that put it beside a post; and its sound.

use serde::{Deserialize, Serialize};

use super::html::{self, Image};
use super::text;
use crate::model::Entry;

/// What a picture shows is told in so many characters at most.
const ALT_MAX: usize = 1_000;

/// A picture that goes with a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Where it is; only `http` and `https`.
    pub url: String,
    /// What it shows, for those who cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

/// What a file of a picture is, by its own first bytes: what a server calls it is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its media type.
    pub mime: &'static str,
    /// How names of such files end.
    pub extension: &'static str,
    /// Width and height in pixels, where the first bytes tell.
    pub size: Option<(u32, u32)>,
}

impl Kind {
    /// The kind of a file, if it is a picture that browsers show.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let at = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
        let big = |from| Some(u32::from_be_bytes(bytes.get(from..from + 4)?.try_into().ok()?));
        let little =
            |from| Some(u32::from(u16::from_le_bytes(bytes.get(from..from + 2)?.try_into().ok()?)));
        let pair = |one: Option<u32>, two: Option<u32>| {
            Some((one?, two?)).filter(|size| size.0 > 0 && size.1 > 0)
        };
        let kind = |mime, extension, size| Some(Self { mime, extension, size });
        if at(0, 8) == b"\x89PNG\r\n\x1a\n" {
            return kind("image/png", "png", pair(big(16), big(20)));
        }
        if at(0, 3) == b"\xff\xd8\xff" {
            return kind("image/jpeg", "jpg", jpeg_size(bytes));
        }
        if at(0, 6) == b"GIF87a" || at(0, 6) == b"GIF89a" {
            return kind("image/gif", "gif", pair(little(6), little(8)));
        }
        if at(0, 4) == b"RIFF" && at(8, 12) == b"WEBP" {
            return kind("image/webp", "webp", None);
        }
        if at(4, 8) == b"ftyp" && (at(8, 12) == b"avif" || at(8, 12) == b"avis") {
            return kind("image/avif", "avif", None);
        }
        None
    }
}

/// The size that a JPEG's frame header names.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    // Comments and thumbnails stand before it, each with its length.
    for _ in 0..64 {
        let marker = *bytes.get(at + 1)?;
        let number =
            |from: usize| Some(u16::from_be_bytes(bytes.get(from..from + 2)?.try_into().ok()?));
        if *bytes.get(at)? != 0xff {
            return None;
        }
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let (height, width) = (number(at + 5)?, number(at + 7)?);
            return Some((u32::from(width), u32::from(height))).filter(|s| s.0 > 0 && s.1 > 0);
        }
        at += 2 + usize::from(number(at + 2)?);
    }
    None
}

/// The first picture that the entry attaches, or else the first in its text.
#[must_use]
pub fn of(entry: &Entry) -> Option<Picture> {
    let attached =
        entry.enclosures.iter().find(|file| is_kind(file.media_type.as_deref(), "image/"));
    let known = attached.and_then(|file| file.alt.clone());
    if let (Some(file), Some(alt)) = (attached, &known) {
        return Some(Picture { url: file.url.clone(), alt: told(alt) });
    }
    // Many feeds attach the picture that stands in the text, and only there say what it shows.
    let texts = [&entry.content, &entry.summary];
    let mut shown = texts.into_iter().flat_map(|html| html::images(html));
    match attached {
        Some(file) => {
            let alt = shown.find(|image| image.src == file.url).and_then(|image| told(&image.alt));
            Some(Picture { url: file.url.clone(), alt })
        }
        None => {
            shown.find(is_a_picture).map(|image| Picture { alt: told(&image.alt), url: image.src })
        }
    }
}

/// The address of the first sound that the entry attaches.
#[must_use]
pub fn audio(entry: &Entry) -> Option<&str> {
    let sounds =
        entry.enclosures.iter().filter(|file| is_kind(file.media_type.as_deref(), "audio/"));
    sounds.map(|file| file.url.as_str()).next()
}

fn is_kind(media_type: Option<&str>, kind: &str) -> bool {
    media_type.and_then(|is| is.get(..kind.len())).is_some_and(|is| is.eq_ignore_ascii_case(kind))
}

/// Neither an emoji that somebody drew, nor a dot that counts readers.
fn is_a_picture(image: &Image) -> bool {
    (image.src.starts_with("https://") || image.src.starts_with("http://")) && !image.is_small
}

fn told(alt: &str) -> Option<String> {
    let alt = text::truncate(&text::line(alt), ALT_MAX);
    (!alt.is_empty()).then_some(alt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Enclosure;

    fn file(url: &str, media_type: &str, alt: Option<&str>) -> Enclosure {
        let alt = alt.map(str::to_owned);
        Enclosure { url: url.to_owned(), media_type: Some(media_type.to_owned()), alt }
    }

    #[test]
    fn a_picture_is_what_its_bytes_say() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0";
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc4\0\x02\xff\xc2\0\x11\x08\x01\xe0\x02\x80\x03";
        for (bytes, mime, size) in [
            (&png[..], "image/png", Some((640, 480))),
            (jpeg, "image/jpeg", Some((640, 480))),
            (b"GIF89a\x80\x02\xe0\x01", "image/gif", Some((640, 480))),
            (b"GIF89a", "image/gif", None),
            (b"\xff\xd8\xff", "image/jpeg", None),
            (b"\xff\xd8\xff\xe0\xff\xff", "image/jpeg", None),
            (b"RIFF....WEBPVP8 ", "image/webp", None),
            (b"\0\0\0 ftypavif", "image/avif", None),
        ] {
            let kind = Kind::of(bytes).expect(mime);
            assert_eq!((kind.mime, kind.size), (mime, size));
        }
        for other in [&b"<svg xmlns"[..], b"<html>", b"", b"%PDF", b"RIFF....WAVE", b"\x89PN"] {
            assert_eq!(Kind::of(other), None);
        }
    }

    /// A photo blog's post without its photo says nothing; one without its words says nothing to the blind.
    #[test]
    fn the_picture_is_the_one_that_the_author_chose_with_their_words() {
        let text = "<p><img src=\"https://a.example/dot.gif\" width=\"1\" height=1>\
            <img class=\"wp-smiley\" src=\"https://a.example/smile.png\" alt=\"\u{1f642}\">\
            <img src=\"/relative.png\"><img src=\"https://a.example/cat.jpg\" alt=\" A  cat \">\
            <img src=\"https://a.example/dog.jpg\" alt=\"A dog\">";
        let entry = |enclosures: Vec<Enclosure>, content: &str| Entry {
            enclosures,
            content: content.to_owned(),
            ..Entry::default()
        };
        for (enclosures, content, wanted) in [
            (vec![], text, Some(("https://a.example/cat.jpg", Some("A cat")))),
            (
                vec![file("https://a.example/dog.jpg", "IMAGE/jpeg", None)],
                text,
                Some(("https://a.example/dog.jpg", Some("A dog"))),
            ),
            (
                vec![file("https://a.example/x.png", "image/*", Some("An x"))],
                text,
                Some(("https://a.example/x.png", Some("An x"))),
            ),
            (
                vec![file("https://a.example/x.png", "image/png", None)],
                "",
                Some(("https://a.example/x.png", None)),
            ),
            (vec![file("https://a.example/x.mp3", "audio/mpeg", None)], "<p>none", None),
        ] {
            let found = of(&entry(enclosures, content));
            let found = found.as_ref().map(|found| (found.url.as_str(), found.alt.as_deref()));
            assert_eq!(found, wanted, "{content}");
        }
        let sound = entry(vec![file("https://a.example/x.mp3", "audio/mpeg", None)], "");
        assert_eq!(audio(&sound), Some("https://a.example/x.mp3"));
        assert_eq!(audio(&entry(vec![file("https://a.example/x", "video/mp4", None)], "")), None);
    }
}
