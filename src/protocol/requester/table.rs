//! Hash tables whose order never shows.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher},
};

/// A hash table, so that a look-up costs the same however many requests are pending. Its hasher has fixed keys and it
/// cannot be walked, so its order never shows.
#[derive(Clone, Debug)]
pub(super) struct Table<K, V, H = foldhash::quality::FixedState>(HashMap<K, V, H>);

/// A table for numbers that are given out one after the other: neighbours stand side by side, as they are used.
pub(super) type NumberTable<K, V> = Table<K, V, BuildHasherDefault<InARow>>;

/// The low bits, which choose the place, stay as they are; the high ones, which tell neighbours apart, are mixed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InARow(u64);

impl Hasher for InARow {
    fn finish(&self) -> u64 {
        self.0 ^ self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_shl(57)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(8) ^ number;
    }
}

impl<K, V, H: Default> Default for Table<K, V, H> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K: Hash + Eq, V, H: BuildHasher> Table<K, V, H> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    pub(super) fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        self.0.entry(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }
}
