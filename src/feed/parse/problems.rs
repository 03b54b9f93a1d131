//! What was wrong with a document and what was made of it, for people to read.

use super::clean::Strange;

/// More problems than this are counted, not kept.
const MAX_PROBLEMS: usize = 20;

/// Something that was repaired or skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which item, counted from 1 in document order; `None` for the feed itself.
    pub item: Option<usize>,
    /// In words.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.item {
            Some(item) => write!(f, "item {item}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// The problems of one document, up to a number.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<Problem>,
    more: usize,
    /// What was mended without any loss, and how often.
    mended: Vec<(&'static str, usize)>,
}

impl Problems {
    pub(super) fn add(&mut self, item: Option<usize>, what: impl Into<String>) {
        if self.kept.len() < MAX_PROBLEMS {
            self.kept.push(Problem { item, what: what.into() });
        } else {
            self.more += 1;
        }
    }

    /// Counts what was mended, and costs nobody anything.
    pub(super) fn mended(&mut self, what: &'static str, times: usize) {
        match self.mended.iter_mut().find(|(mended, _)| *mended == what) {
            _ if times == 0 => {}
            Some((_, count)) => *count += times,
            None => self.mended.push((what, times)),
        }
    }

    /// Counts what was strange in a text.
    pub(super) fn strange(&mut self, strange: &Strange) {
        let Strange { ampersands, names, twice } = *strange;
        self.mended("an & that nobody escaped is one", ampersands);
        self.mended("a character's name that nobody declares is HTML's", names);
        self.mended("a text in UTF-8 that was encoded twice is read as it was meant", twice);
    }

    pub(super) fn into_list(mut self) -> Vec<Problem> {
        if self.more > 0 {
            let what = format!("and {} more problems", self.more);
            self.kept.push(Problem { item: None, what });
        }
        let told = self.mended.into_iter().map(|(what, times)| match times {
            1 => what.to_owned(),
            _ => format!("{what} ({times} times)"),
        });
        self.kept.extend(told.map(|what| Problem { item: None, what }));
        self.kept
    }
}
