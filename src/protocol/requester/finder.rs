//! A table that tells where a record may stand, in one look at memory.
//!
//! It holds no keys: a cell is a part of the key's hash and a place in the book. Whoever looks compares the key with the
//! record itself, which is read anyway. So an entry takes 8 bytes, and a look-up that finds touches one line.

use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    tag: Tag,
    /// One more than the place, so that an empty cell needs no mark of its own.
    slot: NonZeroU32,
}

impl Cell {
    fn new(tag: Tag, slot: u32) -> Self {
        Self { tag, slot: NonZeroU32::MIN.saturating_add(slot) }
    }
}

/// One line of memory: all of it is looked at, and the next one only where it is full.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line([Option<Cell>; CELLS]);

const CELLS: usize = 8;

impl Line {
    fn is_full(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    fn cells(&self) -> impl Iterator<Item = Cell> {
        self.0.iter().copied().flatten()
    }

    /// Takes a cell out; true when there was one.
    fn take(&mut self, which: impl Fn(Cell) -> bool) -> Option<Cell> {
        self.0.iter_mut().find(|cell| cell.is_some_and(&which))?.take()
    }

    /// False when it is full.
    fn put(&mut self, cell: Cell) -> bool {
        let empty = self.0.iter_mut().find(|cell| cell.is_none());
        empty.map(|place| *place = Some(cell)).is_some()
    }
}

/// Never more than half full, so that few lines are. Deterministic: no order of it shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Finder {
    lines: Vec<Line>,
    len: usize,
}

impl Finder {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn home(&self, tag: Tag) -> usize {
        home(tag, self.mask())
    }

    /// How many lines there are is a power of two.
    fn mask(&self) -> usize {
        self.lines.len().saturating_sub(1)
    }

    /// The lines where a tag may stand: its own, and the next as long as they are full.
    fn lines_of(&self, tag: Tag) -> impl Iterator<Item = usize> {
        let home = self.home(tag);
        let around = (home..self.lines.len()).chain(0..home);
        let mut on = true;
        around.take_while(move |at| std::mem::replace(&mut on, self.lines.get(*at).is_some_and(Line::is_full)))
    }

    pub(super) fn find(&self, tag: Tag) -> impl Iterator<Item = u32> {
        let cells = self.lines_of(tag).filter_map(|at| self.lines.get(at)).flat_map(Line::cells);
        cells.filter(move |cell| cell.tag == tag).map(|cell| cell.slot.get().saturating_sub(1))
    }

    pub(super) fn insert(&mut self, tag: Tag, slot: u32) {
        let room = self.lines.len().saturating_mul(CELLS / 2);
        if self.len >= room {
            self.grow();
        }
        self.put(Cell::new(tag, slot));
        self.len = self.len.saturating_add(1);
    }

    fn put(&mut self, cell: Cell) {
        let home = self.home(cell.tag);
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
        let cell = Cell::new(tag, slot);
        let Some(mut gap) =
            self.lines_of(tag).find(|at| self.lines.get(*at).is_some_and(|line| line.cells().any(|it| it == cell)))
        else {
            return;
        };
        self.len = self.len.saturating_sub(1);
        let mut was_full = self.take(gap, |it| it == cell).is_some_and(|(_, was_full)| was_full);
        let (mask, mut at) = (self.mask(), gap);
        while was_full {
            at = at.wrapping_add(1) & mask;
            if at == gap {
                return;
            }
            let reaches = |it: Cell| at.wrapping_sub(home(it.tag, mask)) & mask >= at.wrapping_sub(gap) & mask;
            if let Some((moved, full)) = self.take(at, reaches) {
                self.lines.get_mut(gap).map(|line| line.put(moved));
                (gap, was_full) = (at, full);
            } else {
                was_full = self.lines.get(at).is_some_and(Line::is_full);
            }
        }
    }

    /// Takes a cell out of a line, and tells whether that was full.
    fn take(&mut self, at: usize, which: impl Fn(Cell) -> bool) -> Option<(Cell, bool)> {
        let line = self.lines.get_mut(at)?;
        let was_full = line.is_full();
        Some((line.take(which)?, was_full))
    }
}

fn home(tag: Tag, mask: usize) -> usize {
    usize::try_from(tag.0).unwrap_or(0) & mask
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
        let homes: BTreeSet<usize> = (80..84).map(|number| home(Tag::of_number(number), 0xffff)).collect();
        let tags: BTreeSet<u32> = (80..84).map(|number| Tag::of_number(number).0).collect();
        assert_eq!((homes.len(), tags.len()), (1, 4));
    }
}
