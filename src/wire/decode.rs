//! What a body is under its coding (gzip, br, zstd), within bounds: a few bytes on the wire must not
//! become a gigabyte here.
//!
//! All of a body is read before any of it is decoded, so that both can be counted: the HTTP library's
//! own decoders hide how much came over the wire, and some of it may decode to nothing for ever.

use std::io::Read;

/// What is asked for, in every request alike: some servers make an `ETag` of its own for each coding.
pub(super) const ACCEPTED: &str = "gzip, br, zstd";
/// Up to this size nothing is a bomb.
const HARMLESS: usize = 1 << 20;
/// Beyond it, no feed is so much larger than what came over the wire.
const RATIO_MAX: usize = 200;
/// What a zstd window may take (RFC 9659 allows HTTP no more).
const ZSTD_WINDOW_MAX: u64 = 8 << 20;
/// How a gzip body begins, declared or not.
const GZIP: &[u8] = &[0x1F, 0x8B];
const BUFFER: usize = 8 << 10;

/// Why a body is not decoded, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It grows beyond what is taken.
    TooLarge,
    /// It breaks off or is not what it is called; what came before stands.
    Broken(String),
}

/// Whether there is anything to do.
pub(super) fn is_coded(coding: &str, body: &[u8]) -> bool {
    body.starts_with(GZIP) || !matches!(coding, "" | "identity" | "gzip" | "x-gzip")
}

/// Decodes a body, up to `max` bytes.
pub(super) fn decode(coding: &str, body: Vec<u8>, max: usize) -> (Vec<u8>, Option<Fault>) {
    match coding {
        // Servers that compress twice, or call plain text gzip, are common.
        "" | "identity" | "gzip" | "x-gzip" if !body.starts_with(GZIP) => (body, None),
        "" | "identity" | "gzip" | "x-gzip" => {
            drain(flate2::read::MultiGzDecoder::new(&body[..]), body.len(), max)
        }
        "br" => {
            // A window of up to a gigabyte, which no server may use (RFC 7932).
            if body.first().is_some_and(|first| first & 0x7F == 0x11) {
                return (Vec::new(), Some(Fault::TooLarge));
            }
            drain(brotli_decompressor::Decompressor::new(&body[..], BUFFER), body.len(), max)
        }
        "zstd" => match zstd_window(&body) {
            Some(window) if window > ZSTD_WINDOW_MAX => (Vec::new(), Some(Fault::TooLarge)),
            _ => match ruzstd::decoding::StreamingDecoder::new(&body[..]) {
                Ok(decoder) => drain(decoder, body.len(), max),
                Err(error) => (Vec::new(), Some(Fault::Broken(error.to_string()))),
            },
        },
        other => {
            let why = format!("it is coded in {other:?}, which was not asked for");
            (Vec::new(), Some(Fault::Broken(why)))
        }
    }
}

fn drain(mut from: impl Read, wire: usize, max: usize) -> (Vec<u8>, Option<Fault>) {
    let most = max.min(HARMLESS.max(wire.saturating_mul(RATIO_MAX)));
    let mut taken = Vec::new();
    let mut buffer = [0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return (taken, None),
            Ok(read) if taken.len() + read > most => return (taken, Some(Fault::TooLarge)),
            Ok(read) => taken.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return (taken, Some(Fault::Broken(error.to_string()))),
        }
    }
}

/// The window that a zstd frame asks for (RFC 8878, 3.1.1.1); `None` where there is no such frame.
fn zstd_window(body: &[u8]) -> Option<u64> {
    let frame = body.strip_prefix(&[0x28, 0xB5, 0x2F, 0xFD])?;
    let (descriptor, rest) = frame.split_first()?;
    if descriptor & 0x20 == 0 {
        let (exponent, mantissa) = (rest.first()? >> 3, rest.first()? & 7);
        let base = 1_u64 << (10 + u32::from(exponent));
        return Some(base + base / 8 * u64::from(mantissa));
    }
    // A single segment: its window is its whole content, whose size follows the dictionary's id.
    let id = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let field = rest.get(id..id + size)?;
    let size = field.iter().rev().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    Some(if field.len() == 2 { size + 256 } else { size })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use data_encoding::BASE64;

    use super::*;

    const MAX: usize = 16 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        writer.write_all(bytes).expect("written");
        writer.finish().expect("finished")
    }

    /// "hello, hello, hello, hello" as `brotli` and `zstd` themselves write it.
    const BR: &str = "GxkAAKRAWGqQaSrxnF4A";
    const ZSTD: &str = "KLUv/QRobQAAOGhlbGxvLCABAEqKEY+ZUzc=";

    #[test]
    fn each_coding_gives_the_text_that_was_meant() {
        let text = b"hello, hello, hello, hello";
        let of = |coding: &str, body: Vec<u8>| {
            let (text, fault) = decode(coding, body, MAX);
            assert_eq!(fault, None, "{coding}");
            text
        };
        assert_eq!(of("gzip", gzip(text)), text);
        assert_eq!(of("br", BASE64.decode(BR.as_bytes()).expect("base64")), text);
        assert_eq!(of("zstd", BASE64.decode(ZSTD.as_bytes()).expect("base64")), text);
        assert_eq!(of("", text.to_vec()), text);
        assert_eq!(of("", gzip(text)), text, "gzip that nobody declared");
        assert_eq!(of("gzip", text.to_vec()), text, "text that is called gzip");
    }

    /// 200 KB that become 200 MB would end a small machine's process, and all its lanes with it.
    #[test]
    fn a_bomb_does_not_go_off() {
        let bomb = gzip(&vec![0; 64 << 20]);
        let (taken, fault) = decode("gzip", bomb, MAX);
        assert_eq!(fault, Some(Fault::TooLarge));
        assert!(taken.len() <= MAX, "{} bytes", taken.len());
        // Under the cap, and a thousand times larger than what came.
        let small = gzip(&vec![0; 4 << 20]);
        let most = small.len() * RATIO_MAX;
        let (taken, fault) = decode("gzip", small, MAX);
        assert_eq!(fault, Some(Fault::TooLarge));
        assert!(taken.len() <= most.max(HARMLESS), "{} bytes", taken.len());
        // What is small enough is no bomb, however well it packs.
        let blank = gzip(&vec![b' '; HARMLESS]);
        assert_eq!(decode("gzip", blank, MAX).1, None);
    }

    #[test]
    fn a_window_of_a_gigabyte_is_not_made() {
        let zstd = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA0, 0, 0, 0];
        assert_eq!(zstd_window(&zstd), Some(1 << 30));
        assert_eq!(decode("zstd", zstd.to_vec(), MAX).1, Some(Fault::TooLarge));
        let segment = [0x28, 0xB5, 0x2F, 0xFD, 0xA0, 0, 0, 0, 0x40];
        assert_eq!(zstd_window(&segment), Some(1 << 30));
        assert_eq!(decode("br", vec![0x11, 0x1E], MAX).1, Some(Fault::TooLarge));
    }

    #[test]
    fn what_breaks_off_gives_what_came() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut half = gzip(&text);
        half.truncate(half.len() / 2);
        let (taken, fault) = decode("gzip", half, MAX);
        assert!(matches!(fault, Some(Fault::Broken(_))), "{fault:?}");
        assert!(!taken.is_empty() && text.starts_with(&taken));
        for coding in ["br", "zstd", "gzip, gzip", "deflate"] {
            let (_, fault) = decode(coding, b"no such thing".to_vec(), MAX);
            assert!(matches!(fault, Some(Fault::Broken(_))), "{coding}: {fault:?}");
        }
    }
}
