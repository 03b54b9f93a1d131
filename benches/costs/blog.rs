//! A blog that writes feeds as WordPress does: as many new posts as a bench wants.

use oncecast::clock::{Clock as _, SystemClock};

/// Entries of every feed in these benches.
pub(crate) const ENTRIES: u32 = 100;

/// Words of a sentence; a post's text is made of them.
const SENTENCE: &str = "A ledger that remembers what was said is worth more than a voice that \
    carries far, for a reader who hears the same news twice stops listening. ";

/// How much of each post its feed shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shows {
    /// Title, link and a summary of two sentences.
    Summaries,
    /// The text as well, some 3 KB of HTML.
    Posts,
}

/// A feed of posts `first..first + ENTRIES`, newest first. `build` changes bytes and no entry.
pub(crate) fn feed(first: u32, shows: Shows, build: u32) -> Vec<u8> {
    let now = SystemClock.now().to_timestamp();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\" \
         xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n<channel>\n<title>A blog</title>\n\
         <link>https://blog.example/</link>\n<description>On many things</description>\n\
         <generator>bench {build}</generator>\n<language>en-GB</language>\n"
    );
    for number in (first..first + ENTRIES).rev() {
        let age = jiff::SignedDuration::from_secs(i64::from(first + ENTRIES - number));
        let date = now.checked_sub(age).unwrap_or(now).strftime("%a, %d %b %Y %H:%M:%S +0000");
        // A number in words: titles that differ only in digits are taken for one another.
        let title = spelt(number);
        xml += &format!(
            "<item>\n<title>On {title}</title>\n<link>https://blog.example/{title}/</link>\n\
             <dc:creator><![CDATA[Ada]]></dc:creator>\n<pubDate>{date}</pubDate>\n\
             <category><![CDATA[News]]></category>\n\
             <guid isPermaLink=\"false\">https://blog.example/?p={number}</guid>\n\
             <description><![CDATA[<p>What {title} means. {}</p>]]></description>\n",
            text(number, 2)
        );
        if matches!(shows, Shows::Posts) {
            let text: String = (1..=5)
                .map(|part| format!("<p>Of {title}: {}</p>\n", text(number * 7 + part, 4)))
                .collect();
            xml += &format!("<content:encoded><![CDATA[{text}]]></content:encoded>\n");
        }
        xml += "</item>\n";
    }
    xml += "</channel>\n</rss>\n";
    xml.into_bytes()
}

/// So many sentences, in words that no other post has in this order: posts that say the same are taken for
/// one another.
fn text(number: u32, sentences: usize) -> String {
    let mut random = fastrand::Rng::with_seed(number.into());
    let mut words: Vec<&str> = SENTENCE.split_whitespace().collect();
    let mut all = String::new();
    for _ in 0..sentences {
        random.shuffle(&mut words);
        all += &words.join(" ");
        all += ". ";
    }
    all
}

fn spelt(number: u32) -> String {
    const WORDS: [&str; 10] =
        ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let digits = number.to_string();
    let words: Vec<&str> = digits.bytes().map(|d| WORDS[usize::from(d - b'0')]).collect();
    words.join("-")
}
