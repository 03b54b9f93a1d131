//! What is on a disk after the power was cut.

use super::{Bytes, Change, Node, Platter, SECTOR};

/// What becomes of one write that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    Lost,
    /// Of its sectors, those whose bit is set (of the last one for all beyond it).
    Sectors(u64),
    /// The first so many thousandths of its bytes.
    Cut(u64),
    /// The file has become as long as it makes it, and what it says is lost.
    Zeros,
}

/// Who decides.
pub(crate) trait Fates {
    /// What becomes of a write; one of a length is kept or lost.
    fn write(&mut self) -> Fate;

    /// How many of so many changes of names in one folder are kept, the first ones.
    fn names(&mut self, most: usize) -> usize;
}

/// Chance decides.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) fastrand::Rng);

impl Fates for Random {
    fn write(&mut self) -> Fate {
        match self.0.u8(..16) {
            0..6 => Fate::Kept,
            6..11 => Fate::Lost,
            11..14 => Fate::Sectors(self.0.u64(..)),
            14 => Fate::Cut(self.0.u64(..1000)),
            _ => Fate::Zeros,
        }
    }

    fn names(&mut self, most: usize) -> usize {
        self.0.usize(..=most)
    }
}

/// A number decides, bit by bit: from 0 up to `2^choices`, every subset comes by.
#[derive(Debug)]
pub(crate) struct Subset(pub(crate) u64);

impl Fates for Subset {
    fn write(&mut self) -> Fate {
        let kept = self.0 & 1 == 1;
        self.0 >>= 1;
        if kept { Fate::Kept } else { Fate::Lost }
    }

    fn names(&mut self, most: usize) -> usize {
        (0..most).take_while(|_| self.write() == Fate::Kept).count()
    }
}

impl Change {
    pub(super) fn done(&self, bytes: &mut Bytes) {
        match self {
            Self::Write { offset, data } => bytes.write(*offset, data),
            Self::SetLen(len) => bytes.set_len(*len),
        }
    }

    fn meets(&self, fate: Fate, bytes: &mut Bytes) {
        match (self, fate) {
            (_, Fate::Lost) => {}
            (Self::SetLen(_), _) | (_, Fate::Kept) => self.done(bytes),
            (Self::Write { offset, data }, Fate::Cut(thousandths)) => {
                let kept = data.len() * usize::try_from(thousandths).expect("small") / 1000;
                if kept > 0 {
                    bytes.write(*offset, &data[..kept]);
                }
            }
            (Self::Write { offset, data }, Fate::Zeros) => {
                bytes.set_len(bytes.len().max(offset + data.len() as u64));
            }
            (Self::Write { offset, data }, Fate::Sectors(bits)) => {
                let (mut at, mut rest, mut sector) = (*offset, &data[..], 0);
                while !rest.is_empty() {
                    let here =
                        usize::try_from(SECTOR - at % SECTOR).expect("small").min(rest.len());
                    if bits >> sector.min(63) & 1 == 1 {
                        bytes.write(at, &rest[..here]);
                    }
                    (at, rest, sector) = (at + here as u64, &rest[here..], sector + 1);
                }
            }
        }
    }
}

impl Node {
    pub(super) fn after_cut(&self, fates: &mut dyn Fates) -> Bytes {
        let mut bytes = self.durable.clone();
        for change in &self.pending {
            change.meets(fates.write(), &mut bytes);
        }
        bytes
    }
}

impl Platter {
    /// How many things are undecided.
    pub(crate) fn choices(&self) -> usize {
        let writes: usize = self.nodes.iter().map(|node| node.pending.len()).sum();
        writes + self.folders.values().map(|folder| folder.pending.len()).sum::<usize>()
    }

    /// What the next boot finds.
    pub(crate) fn after_cut(&self, fates: &mut dyn Fates) -> Self {
        let mut after = self.clone();
        for node in &mut after.nodes {
            if !node.pending.is_empty() {
                node.durable = node.after_cut(fates);
                node.pending.clear();
            }
            node.now = node.durable.clone();
        }
        for folder in after.folders.values_mut() {
            let kept = fates.names(folder.pending.len());
            for naming in folder.pending.drain(..).take(kept) {
                naming.done(&mut folder.durable);
            }
            folder.now.clone_from(&folder.durable);
        }
        after
    }
}
