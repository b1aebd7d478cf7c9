//! A table that tells where a record may stand, in one look at memory.
//!
//! It holds no keys: a cell is a part of the key's hash and a place in the book. Whoever looks compares the key with the
//! record itself, which is read anyway. So an entry takes 8 bytes, and a look-up that finds touches one line.

use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

/// What is left of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    pub(super) fn of(key: &impl Hash) -> Self {
        Self(low(FixedState::default().hash_one(key)))
    }

    /// For numbers that are given out in a row: four neighbours stand on one line. The bits that tell them apart are
    /// the high ones, which choose no line.
    pub(super) fn of_number(number: u64) -> Self {
        let Self(group) = Self::of(&(number >> 2));
        Self((group >> 2) | (low(number & 3) << 30))
    }
}

fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0)
}

/// Cells of one line.
const CELLS: usize = 8;

/// One line of memory. All cells are compared at once, so that it makes no difference which of them it is.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line {
    tags: [u32; CELLS],
    /// One more than the place; 0 is an empty cell.
    slots: [u32; CELLS],
}

impl Line {
    /// A bit for each cell of which this is true.
    #[inline]
    fn which(&self, is: impl Fn(u32, u32) -> bool) -> u8 {
        let cells = self.tags.iter().zip(&self.slots);
        cells.rev().fold(0, |bits, (tag, slot)| (bits << 1) | u8::from(is(*tag, *slot)))
    }

    fn is_full(&self) -> bool {
        self.which(|_, slot| slot != 0) == u8::MAX
    }

    fn cells(&self) -> impl Iterator<Item = (u32, u32)> {
        self.tags.iter().copied().zip(self.slots).filter(|(_, slot)| *slot != 0)
    }

    fn set(&mut self, at: usize, (tag, slot): (u32, u32)) {
        if let (Some(old_tag), Some(old_slot)) = (self.tags.get_mut(at), self.slots.get_mut(at)) {
            (*old_tag, *old_slot) = (tag, slot);
        }
    }

    /// Takes a cell out.
    fn take(&mut self, is: impl Fn(u32, u32) -> bool) -> Option<(u32, u32)> {
        let at = first(self.which(|tag, slot| (slot != 0) & is(tag, slot)))?;
        let cell = (*self.tags.get(at)?, *self.slots.get(at)?);
        self.set(at, (0, 0));
        Some(cell)
    }

    /// False when it is full.
    fn put(&mut self, cell: (u32, u32)) -> bool {
        let empty = first(self.which(|_, slot| slot == 0));
        empty.map(|at| self.set(at, cell)).is_some()
    }
}

fn first(bits: u8) -> Option<usize> {
    if bits == 0 { None } else { usize::try_from(bits.trailing_zeros()).ok() }
}

/// Never more than half full, so that few lines are full. Deterministic: no order of it shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Finder {
    lines: Vec<Line>,
    len: usize,
}

impl Finder {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many lines there are is a power of two.
    fn mask(&self) -> usize {
        self.lines.len().saturating_sub(1)
    }

    /// What may stand under a tag: in its own line, and in the next as long as they are full.
    pub(super) fn find(&self, tag: Tag) -> Found<'_> {
        let at = home(tag.0, self.mask());
        let line = self.lines.get(at);
        Found { finder: self, tag: tag.0, at, line, bits: bits_of(line, tag.0), lines: self.lines.len() }
    }

    pub(super) fn insert(&mut self, tag: Tag, slot: u32) {
        if self.len >= self.lines.len().saturating_mul(CELLS / 2) {
            self.grow();
        }
        self.put((tag.0, slot.saturating_add(1)));
        self.len = self.len.saturating_add(1);
    }

    fn put(&mut self, cell: (u32, u32)) {
        let home = home(cell.0, self.mask());
        for at in (home..self.lines.len()).chain(0..home) {
            if self.lines.get_mut(at).is_some_and(|line| line.put(cell)) {
                return;
            }
        }
    }

    fn grow(&mut self) {
        let more = self.lines.len().saturating_mul(2).max(1);
        let before = std::mem::replace(&mut self.lines, vec![Line::default(); more]);
        before.iter().flat_map(Line::cells).for_each(|cell| self.put(cell));
    }

    /// Where a line was full, a cell that had to go on comes back, so that none stands behind a gap.
    pub(super) fn remove(&mut self, tag: Tag, slot: u32) {
        let mask = self.mask();
        let (cell, mut at) = ((tag.0, slot.saturating_add(1)), home(tag.0, mask));
        // The line that has lost a cell, once it is known.
        let mut gap = None;
        for _ in 0..self.lines.len() {
            let Some(line) = self.lines.get_mut(at) else { return };
            let was_full = line.is_full();
            let found = match gap {
                None => line.take(|tag, slot| (tag, slot) == cell),
                Some(gap) => {
                    let way = at.wrapping_sub(gap) & mask;
                    line.take(|tag, _| at.wrapping_sub(home(tag, mask)) & mask >= way)
                }
            };
            if found.is_some() {
                if let (Some(gap), Some(moved)) = (gap, found) {
                    self.lines.get_mut(gap).map(|line| line.put(moved));
                } else {
                    self.len = self.len.saturating_sub(1);
                }
                gap = Some(at);
            }
            if !was_full {
                return;
            }
            at = at.wrapping_add(1) & mask;
        }
    }
}

fn home(tag: u32, mask: usize) -> usize {
    usize::try_from(tag).unwrap_or(0) & mask
}

#[inline]
fn bits_of(line: Option<&Line>, tag: u32) -> u8 {
    line.map_or(0, |line| line.which(|other, slot| (other == tag) & (slot != 0)))
}

/// The places that a tag leads to.
pub(super) struct Found<'f> {
    finder: &'f Finder,
    tag: u32,
    at: usize,
    line: Option<&'f Line>,
    /// The cells of the line that are still to be told.
    bits: u8,
    /// Lines that may still be looked at.
    lines: usize,
}

impl Iterator for Found<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        loop {
            if let Some(at) = first(self.bits) {
                self.bits &= self.bits.wrapping_sub(1);
                return self.line?.slots.get(at).map(|slot| slot.saturating_sub(1));
            }
            self.lines = self.lines.checked_sub(1)?;
            if !self.line?.is_full() {
                return None;
            }
            self.at = self.at.wrapping_add(1) & self.finder.mask();
            self.line = self.finder.lines.get(self.at);
            self.bits = bits_of(self.line, self.tag);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_put_in_and_taken_out_the_rest_is_found(
            steps in proptest::collection::vec((any::<bool>(), 0_u32..24, 0_u32..6), 0..400)
        ) {
            let mut finder = Finder::default();
            let mut model: BTreeSet<(u32, u32)> = BTreeSet::new();
            for (put, tag, slot) in steps {
                // Two homes of three lines' worth of tags each, over the end of the table as well.
                let tag = (tag << 8) | if tag % 3 == 0 { 0 } else { 0xff };
                if put && model.insert((tag, slot)) {
                    finder.insert(Tag(tag), slot);
                } else if !put {
                    finder.remove(Tag(tag), slot);
                    model.remove(&(tag, slot));
                }
                prop_assert_eq!(finder.len(), model.len());
            }
            prop_assert_eq!(size_of::<Line>(), 64);
            for tag in model.iter().map(|(tag, _)| *tag) {
                let found: BTreeSet<u32> = finder.find(Tag(tag)).collect();
                let wanted = model.iter().filter(|(other, _)| *other == tag).map(|(_, slot)| *slot);
                prop_assert_eq!(found, wanted.collect::<BTreeSet<u32>>());
            }
        }
    }

    #[test]
    fn four_numbers_in_a_row_stand_on_one_line() {
        let homes: BTreeSet<usize> = (80..84).map(|number| home(Tag::of_number(number).0, 0xffff)).collect();
        let tags: BTreeSet<u32> = (80..84).map(|number| Tag::of_number(number).0).collect();
        assert_eq!((homes.len(), tags.len()), (1, 4));
    }
}
