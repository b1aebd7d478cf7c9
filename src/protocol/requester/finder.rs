//! A table that tells where a record may stand, in one look at memory.
//!
//! It holds no keys: a cell is a part of the key's hash and a place in the book. Whoever looks compares the key with the
//! record itself, which is read anyway. So an entry takes 8 bytes, and a look-up that finds touches one line.

use std::hash::{BuildHasher, Hash};
use std::iter;
use std::num::NonZeroU32;

use foldhash::quality::FixedState;

/// What is left of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    pub(super) fn of(key: &impl Hash) -> Self {
        Self(low(FixedState::default().hash_one(key)))
    }

    /// For numbers that are given out in a row: eight neighbours stand side by side.
    pub(super) fn of_number(number: u64) -> Self {
        let Self(group) = Self::of(&(number >> 3));
        Self((group & !7) | low(number & 7))
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

/// Never more than half full, so that a row of cells that are taken is short. Deterministic: no order of it shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Finder {
    cells: Vec<Option<Cell>>,
    len: usize,
}

impl Finder {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The cells from the tag's own on, up to the first that is empty.
    fn row(&self, tag: Tag) -> impl Iterator<Item = (usize, Cell)> {
        let home = self.home(tag);
        let around = (home..self.cells.len()).chain(0..home);
        around.map_while(|at| Some((at, (*self.cells.get(at)?)?)))
    }

    fn home(&self, tag: Tag) -> usize {
        usize::try_from(tag.0).unwrap_or(0) & self.cells.len().saturating_sub(1)
    }

    pub(super) fn find(&self, tag: Tag) -> impl Iterator<Item = u32> {
        self.row(tag).filter(move |(_, cell)| cell.tag == tag).map(|(_, cell)| cell.slot.get().saturating_sub(1))
    }

    pub(super) fn insert(&mut self, tag: Tag, slot: u32) {
        if self.len.saturating_add(1).saturating_mul(2) > self.cells.len() {
            self.grow();
        }
        self.put(Cell::new(tag, slot));
        self.len = self.len.saturating_add(1);
    }

    fn put(&mut self, cell: Cell) {
        let home = self.home(cell.tag);
        let mut around = (home..self.cells.len()).chain(0..home);
        let empty = around.find(|at| self.cells.get(*at) == Some(&None));
        if let Some(place) = empty.and_then(|at| self.cells.get_mut(at)) {
            *place = Some(cell);
        }
    }

    fn grow(&mut self) {
        let more = self.cells.len().saturating_mul(2).max(16);
        let before = std::mem::replace(&mut self.cells, iter::repeat_n(None, more).collect());
        before.into_iter().flatten().for_each(|cell| self.put(cell));
    }

    /// Those behind it move up, so that no row is broken.
    pub(super) fn remove(&mut self, tag: Tag, slot: u32) {
        let Some((mut gap, _)) = self.row(tag).find(|(_, cell)| *cell == Cell::new(tag, slot)) else { return };
        let mask = self.cells.len().saturating_sub(1);
        self.len = self.len.saturating_sub(1);
        let mut at = gap;
        loop {
            at = at.wrapping_add(1) & mask;
            let Some(Some(cell)) = self.cells.get(at).copied() else { break };
            let from_home = at.wrapping_sub(self.home(cell.tag)) & mask;
            if from_home >= at.wrapping_sub(gap) & mask {
                self.set(gap, Some(cell));
                gap = at;
            }
        }
        self.set(gap, None);
    }

    fn set(&mut self, at: usize, cell: Option<Cell>) {
        if let Some(place) = self.cells.get_mut(at) {
            *place = cell;
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
                // A few homes, spread over the end of the table as well.
                let tag = tag.wrapping_mul(0x1000_0003) ^ 0xf;
                if put && model.insert((tag, slot)) {
                    finder.insert(Tag(tag), slot);
                } else if !put {
                    finder.remove(Tag(tag), slot);
                    model.remove(&(tag, slot));
                }
                prop_assert_eq!(finder.len(), model.len());
            }
            prop_assert_eq!(size_of::<Option<Cell>>(), 8);
            for tag in model.iter().map(|(tag, _)| *tag) {
                let found: BTreeSet<u32> = finder.find(Tag(tag)).collect();
                let wanted = model.iter().filter(|(other, _)| *other == tag).map(|(_, slot)| *slot);
                prop_assert_eq!(found, wanted.collect::<BTreeSet<u32>>());
            }
        }
    }

    #[test]
    fn numbers_in_a_row_stand_side_by_side() {
        let tags: Vec<u32> = (80..88).map(|number| Tag::of_number(number).0).collect();
        assert!(tags.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{tags:?}");
    }
}
