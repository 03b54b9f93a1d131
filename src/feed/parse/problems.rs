//! What was wrong with a document and what was made of it, for people to read.

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
}

impl Problems {
    pub(super) fn add(&mut self, item: Option<usize>, what: impl Into<String>) {
        if self.kept.len() < MAX_PROBLEMS {
            self.kept.push(Problem { item, what: what.into() });
        } else {
            self.more += 1;
        }
    }

    pub(super) fn into_list(mut self) -> Vec<Problem> {
        if self.more > 0 {
            let what = format!("and {} more problems", self.more);
            self.kept.push(Problem { item: None, what });
        }
        self.kept
    }
}
