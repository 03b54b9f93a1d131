//! The bytes of a file, in pages that are shared until they are written to: a copy of a whole disk costs
//! next to nothing.

use std::io;
use std::sync::Arc;

const PAGE: usize = 4096;

type Page = Arc<[u8; PAGE]>;

/// A file's bytes. What was never written to is zero and takes no room.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes {
    pages: Vec<Option<Page>>,
    len: u64,
}

fn place(offset: u64) -> (usize, usize) {
    let offset = usize::try_from(offset).expect("a small file");
    (offset / PAGE, offset % PAGE)
}

impl Bytes {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether it is certain that both say the same: their pages are shared.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        let same = |(one, two): (&Option<Page>, &Option<Page>)| match (one, two) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        self.len == other.len && self.pages.iter().zip(&other.pages).all(same)
    }

    pub(crate) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset + out.len() as u64 > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (mut page, mut at) = place(offset);
        let mut rest = out;
        while !rest.is_empty() {
            let here = rest.len().min(PAGE - at);
            let (part, others) = rest.split_at_mut(here);
            match &self.pages[page] {
                Some(bytes) => part.copy_from_slice(&bytes[at..at + here]),
                None => part.fill(0),
            }
            (page, at, rest) = (page + 1, 0, others);
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) {
        self.set_len(self.len.max(offset + data.len() as u64));
        let (mut page, mut at) = place(offset);
        let mut rest = data;
        while !rest.is_empty() {
            let (part, others) = rest.split_at(rest.len().min(PAGE - at));
            let bytes = self.pages[page].get_or_insert_with(|| Arc::new([0; PAGE]));
            Arc::make_mut(bytes)[at..at + part.len()].copy_from_slice(part);
            (page, at, rest) = (page + 1, 0, others);
        }
    }

    pub(crate) fn set_len(&mut self, len: u64) {
        if len < self.len {
            let (page, at) = place(len);
            if at > 0
                && let Some(bytes) = &mut self.pages[page]
            {
                // What comes back into view later is zero.
                Arc::make_mut(bytes)[at..].fill(0);
            }
        }
        self.len = len;
        self.pages.resize(usize::try_from(len.div_ceil(PAGE as u64)).expect("a small file"), None);
    }

    /// Whether a write there needs room that the file does not have yet.
    pub(crate) fn needs_room(&self, offset: u64, len: usize) -> bool {
        let (first, last) = (place(offset).0, place(offset + len as u64 - 1).0);
        (first..=last).any(|page| self.pages.get(page).is_none_or(Option::is_none))
    }
}
