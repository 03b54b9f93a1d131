//! Bytes to text, by what they are rather than by what they are said to be: a wrong guess turns
//! every title of a blog to rubbish, in public.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The declaration stands at the very beginning.
const DECLARATION_WITHIN: usize = 1024;
/// The guess is made on this much.
const GUESS_ON: usize = 4 * 1024 * 1024;

/// How an encoding was found.
const DECLARED: &str = "it is declared";
const MARKED: &str = "its byte order mark";
const SHAPED: &str = "the pattern of its bytes";
const VALID: &str = "all of it is valid";

/// Text and how it was read.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) encoding: &'static str,
    /// How that was found, in words.
    pub(super) by: &'static str,
    /// What was wrong with the declaration, if anything.
    pub(super) problem: Option<String>,
}

impl Decoded {
    fn fine(text: impl Into<String>, encoding: &'static str, by: &'static str) -> Self {
        Self { text: text.into(), encoding, by, problem: None }
    }
}

/// Decodes a body. In order: a byte order mark; the pattern of a `<` in UTF-16 or UTF-32; UTF-8
/// where it is valid, whatever is declared, since nothing else is by accident; the charset of the
/// HTTP header, then of the XML declaration; a few stray bytes in UTF-8 as windows-1252; a guess.
pub(super) fn decode(bytes: &[u8], content_type: Option<&str>) -> Decoded {
    if let Some(decoded) = by_mark(bytes) {
        return decoded;
    }
    let declared = [content_type.and_then(charset), declaration(bytes)];
    let legacy: Vec<&'static Encoding> =
        declared.iter().flatten().copied().filter(|e| !is_utf(e)).collect();
    let stateful = legacy.iter().find(|e| !e.is_ascii_compatible() && e.name() == "ISO-2022-JP");
    if let Some(text) = utf8(bytes) {
        if let Some(encoding) = stateful
            && bytes.contains(&0x1B)
        {
            return with(encoding, bytes, DECLARED);
        }
        // Short words in an East Asian encoding may be valid UTF-8, but then of another script.
        if let Some(encoding) = legacy.iter().find(|e| is_east_asian(e))
            && !text.is_ascii()
            && !text.contains(|c| c >= '\u{2000}')
        {
            return with(encoding, bytes, DECLARED);
        }
        let lie = legacy.first().filter(|_| !text.is_ascii());
        let problem = lie.map(|e| format!("declared as {}, but it is UTF-8", e.name()));
        return Decoded { problem, ..Decoded::fine(text, "UTF-8", VALID) };
    }
    for encoding in &legacy {
        let (text, malformed) = encoding.decode_without_bom_handling(bytes);
        if !malformed || is_nearly_clean(&text) {
            return Decoded::fine(text, encoding.name(), DECLARED);
        }
    }
    if let Some(text) = patched_utf8(bytes) {
        let problem = Some("UTF-8 with a few bytes of windows-1252".to_owned());
        return Decoded { problem, ..Decoded::fine(text, "UTF-8", "nearly all of it is valid") };
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(GUESS_ON)], true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    let mut decoded = with(guess, bytes, "a guess by its bytes");
    decoded.problem = Some(match declared.iter().flatten().next() {
        Some(declared) => format!("declared as {}, but read as {}", declared.name(), guess.name()),
        None => format!("no encoding declared, read as {}", guess.name()),
    });
    decoded
}

fn with(encoding: &'static Encoding, bytes: &[u8], by: &'static str) -> Decoded {
    Decoded::fine(encoding.decode_without_bom_handling(bytes).0, encoding.name(), by)
}

fn is_utf(encoding: &Encoding) -> bool {
    [UTF_8, UTF_16LE, UTF_16BE].contains(&encoding)
}

fn is_east_asian(encoding: &'static Encoding) -> bool {
    matches!(encoding.name(), "GBK" | "gb18030" | "Big5" | "EUC-KR" | "EUC-JP" | "Shift_JIS")
}

fn by_mark(bytes: &[u8]) -> Option<Decoded> {
    Some(match bytes {
        [0xFF, 0xFE, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes, MARKED),
        [0, 0, 0xFE, 0xFF, rest @ ..] => utf32(rest, u32::from_be_bytes, MARKED),
        [b'<', 0, 0, 0, ..] => utf32(bytes, u32::from_le_bytes, SHAPED),
        [0, 0, 0, b'<', ..] => utf32(bytes, u32::from_be_bytes, SHAPED),
        [0xEF, 0xBB, 0xBF, rest @ ..] => match utf8(rest) {
            Some(text) => Decoded::fine(text, "UTF-8", MARKED),
            None => Decoded::fine(patched(rest), "UTF-8", MARKED),
        },
        [0xFF, 0xFE, rest @ ..] => with(UTF_16LE, rest, MARKED),
        [0xFE, 0xFF, rest @ ..] => with(UTF_16BE, rest, MARKED),
        _ if opens_in_utf16(bytes, u16::from_le_bytes) => with(UTF_16LE, bytes, SHAPED),
        _ if opens_in_utf16(bytes, u16::from_be_bytes) => with(UTF_16BE, bytes, SHAPED),
        _ => return None,
    })
}

/// Whether the first two characters after any space are of ASCII, and the first opens a document.
fn opens_in_utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> bool {
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| read(*unit));
    let mut units = units.map_while(|unit| u8::try_from(unit).ok().filter(|unit| *unit != 0));
    let opens = units.find(|unit| !unit.is_ascii_whitespace());
    opens.is_some_and(|first| matches!(first, b'<' | b'{')) && units.next().is_some()
}

fn utf32(bytes: &[u8], read: fn([u8; 4]) -> u32, by: &'static str) -> Decoded {
    let text: String = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|unit| char::from_u32(read(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    Decoded::fine(text, "UTF-32", by)
}

/// Valid UTF-8, but for a character that the end cuts off.
fn utf8(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&bytes[..e.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

/// A few bad bytes, such as the half character at a cut, are no proof that a declaration lies.
fn is_nearly_clean(text: &str) -> bool {
    const GOOD_PER_BAD: usize = 20;
    let beyond_ascii = text.chars().filter(|c| !c.is_ascii()).count();
    let bad = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
    bad * GOOD_PER_BAD <= beyond_ascii
}

/// UTF-8 in which a few bytes are not, if it is that: more characters beyond ASCII than bad bytes.
fn patched_utf8(bytes: &[u8]) -> Option<String> {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += chunk.invalid().len();
    }
    (good >= bad).then(|| patched(bytes))
}

fn patched(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    text
}

/// The charset of a `Content-Type`.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    let parameter = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })?;
    Encoding::for_label(parameter.trim().trim_matches(['"', '\'']).as_bytes())
}

/// The encoding of an XML declaration.
fn declaration(bytes: &[u8]) -> Option<&'static Encoding> {
    let head: Cow<'_, str> = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION_WITHIN)]);
    let declaration = head.split_once("<?xml")?.1.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Encoding::for_label(value[1..].split(quote).next()?.trim().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], content_type: Option<&str>) -> (String, &'static str) {
        let decoded = decode(bytes, content_type);
        (decoded.text, decoded.encoding)
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn umlauts_survive_every_encoding() {
        let text = "<rss>Gr\u{fc}\u{df}e aus K\u{f6}ln, \u{201e}Zitat\u{201c}</rss>";
        let cp1252 = WINDOWS_1252.encode(text).0;
        let with_declaration = |label: &str, bytes: &[u8]| {
            [format!("<?xml version='1.0' encoding=\"{label}\"?>").as_bytes(), bytes].concat()
        };
        assert_eq!(read(text.as_bytes(), None), (text.to_owned(), "UTF-8"));
        let marked = [&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat();
        assert_eq!(read(&marked, Some("text/xml; charset=iso-8859-1")).0, text);
        assert_eq!(read(&cp1252, Some("text/xml; charset=\"ISO-8859-1\"")).0, text);
        let lie = with_declaration("iso-8859-1", text.as_bytes());
        assert!(read(&lie, None).0.ends_with(text));
        assert!(decode(&lie, None).problem.is_some());
        assert!(read(&with_declaration("windows-1252", &cp1252), None).0.ends_with(text));
        let other_lie = with_declaration("utf-8", &cp1252.repeat(4));
        assert!(read(&other_lie, None).0.ends_with(text));
        for (bytes, name) in [
            (utf16(text, u16::to_le_bytes), "UTF-16LE"),
            (utf16(text, u16::to_be_bytes), "UTF-16BE"),
            (utf16(&format!("\n {text}"), u16::to_le_bytes), "UTF-16LE"),
            (utf16(&format!("\n {text}"), u16::to_be_bytes), "UTF-16BE"),
            (utf16(&format!("\u{feff}{text}"), u16::to_le_bytes), "UTF-16LE"),
            (utf16(&format!("\u{feff}{text}"), u16::to_be_bytes), "UTF-16BE"),
            (text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect(), "UTF-32"),
            (text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect(), "UTF-32"),
        ] {
            let (read, encoding) = read(&bytes, None);
            assert_eq!((read.trim_start(), encoding), (text, name));
        }
    }

    #[test]
    fn japanese_without_a_declaration_is_guessed() {
        let text = "<rss>\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{30d6}\u{30ed}\u{30b0}</rss>".repeat(9);
        for encoding in [encoding_rs::SHIFT_JIS, encoding_rs::EUC_JP, encoding_rs::ISO_2022_JP] {
            let bytes = encoding.encode(&text).0;
            let content_type = format!("text/xml; charset={}", encoding.name());
            assert_eq!(read(&bytes, Some(&content_type)).0, text, "{}", encoding.name());
            if encoding != encoding_rs::ISO_2022_JP {
                assert_eq!(read(&bytes, Some("text/xml; charset=utf-8")).0, text);
            }
        }
    }

    #[test]
    fn a_stray_byte_in_utf_8_spoils_no_other_character() {
        let bytes = [b"caf\xC3\xA9 \xC3\xBC don\x92t ".as_slice(), b"x"].concat();
        assert_eq!(read(&bytes, None).0, "caf\u{e9} \u{fc} don\u{2019}t x");
    }

    #[test]
    fn a_character_cut_off_by_the_end_spoils_nothing() {
        assert_eq!(read(b"caf\xC3\xA9 \xE2\x82", None), ("caf\u{e9} ".to_owned(), "UTF-8"));
        let text = "\u{6cf0}\u{5c71}\u{8305}\u{53f0}".repeat(9);
        let bytes = encoding_rs::GBK.encode(&text).0;
        let read = read(&bytes[..bytes.len() - 1], Some("text/xml; charset=gbk"));
        assert_eq!(read.0.trim_end_matches('\u{fffd}'), &text[..text.len() - 3]);
    }
}
