//! The heads file: where the chains end, beside the database, so that a cut-off end is seen.
//!
//! Two places of 512 bytes are written in turn, each with a generation and a checksum: a torn write leaves the other
//! one. The file never grows, so a sync costs no new block. A thread of its own writes what is newest once a commit is
//! on the disk: no caller waits for it, and the file is never ahead of the database.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use sha2::{Digest, Sha256};

use crate::store::{Chain, Head, StoreError, StoreErrorKind, hex};

const PLACE_BYTES: usize = 512;

/// Hands the newest heads to the thread that writes them.
#[derive(Debug)]
pub(super) struct HeadsFile {
    slot: Arc<Slot>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Slot {
    next: Mutex<Next>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Next {
    heads: Option<[Head; 2]>,
    closed: bool,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeadsFile {
    /// Opens or makes the file and writes where the chains end now.
    pub(super) fn open(path: &Path, now: [Head; 2]) -> Result<Self, StoreError> {
        let unable = |error: io::Error| {
            StoreError::new(StoreErrorKind::Io, format_args!("heads file {}: {error}", path.display()))
        };
        let before = read(path).map_err(unable)?;
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(unable)?;
        let mut places = Places { file, generation: before.map_or(0, |(generation, _)| generation) };
        places.write(&now).map_err(unable)?;
        let slot = Arc::new(Slot::default());
        let (shared, name) = (Arc::clone(&slot), path.to_owned());
        let thread = std::thread::Builder::new().name("store-heads".into()).spawn(move || run(&shared, places, &name));
        Ok(Self { slot, thread: Some(thread.map_err(unable)?) })
    }

    /// The chains end there, and that is on the disk.
    pub(super) fn put(&self, heads: [Head; 2]) {
        self.slot.lock().heads = Some(heads);
        self.slot.changed.notify_one();
    }
}

impl Drop for HeadsFile {
    fn drop(&mut self) {
        self.slot.lock().closed = true;
        self.slot.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it does not panic
        }
    }
}

fn run(slot: &Slot, mut places: Places, path: &Path) {
    loop {
        let mut next = slot.lock();
        while next.heads.is_none() && !next.closed {
            next = slot.changed.wait(next).unwrap_or_else(PoisonError::into_inner);
        }
        let Some(heads) = next.heads.take() else { return };
        drop(next);
        if let Err(error) = places.write(&heads) {
            tracing::error!(%error, file = %path.display(), "the heads of the chains are not written");
        }
    }
}

struct Places {
    file: File,
    generation: u64,
}

impl Places {
    fn write(&mut self, heads: &[Head; 2]) -> io::Result<()> {
        let generation = self.generation + 1;
        let place = place(generation, heads);
        self.file.seek(SeekFrom::Start(generation % 2 * PLACE_BYTES as u64))?;
        self.file.write_all(&place)?;
        self.file.sync_data()?;
        self.generation = generation;
        Ok(())
    }
}

fn place(generation: u64, heads: &[Head; 2]) -> Vec<u8> {
    let mut text = format!("commdn heads {generation:020}\n");
    for head in heads {
        text += &format!("{head}\n");
    }
    let sum: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    text += &format!("sum {}\n", hex(&sum));
    let mut bytes = text.into_bytes();
    bytes.resize(PLACE_BYTES - 1, b' ');
    bytes.push(b'\n');
    bytes
}

fn read_place(bytes: &[u8]) -> Option<(u64, [Head; 2])> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.lines();
    let generation = lines.next()?.strip_prefix("commdn heads ")?.parse().ok()?;
    let heads = [Head::parse(lines.next()?)?, Head::parse(lines.next()?)?];
    (place(generation, &heads) == bytes && heads.map(|head| head.chain) == Chain::ALL).then_some((generation, heads))
}

/// The newest whole place of a heads file; `None` when there is no file, or none of its places is whole.
pub(super) fn read(path: &Path) -> io::Result<Option<(u64, [Head; 2])>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(PLACE_BYTES as u64 * 2).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(bytes.chunks(PLACE_BYTES).filter_map(read_place).max_by_key(|(generation, _)| *generation))
}

/// Heads in a text: a heads file, or lines `dnc COUNT HASH` that were exported.
#[must_use]
pub fn heads_in(text: &[u8]) -> Vec<Head> {
    if let Some((_, heads)) = text.chunks(PLACE_BYTES).filter_map(read_place).max_by_key(|(generation, _)| *generation)
    {
        return heads.to_vec();
    }
    String::from_utf8_lossy(text).lines().filter_map(Head::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(count: u64) -> [Head; 2] {
        Chain::ALL.map(|chain| Head { chain, count, hash: [count.to_le_bytes()[0]; 32] })
    }

    #[test]
    fn a_torn_write_leaves_the_heads_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.heads");
        let file = HeadsFile::open(&path, heads(1)).unwrap();
        drop(file);
        let file = HeadsFile::open(&path, heads(2)).unwrap();
        drop(file);
        assert_eq!(read(&path).unwrap(), Some((2, heads(2))));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40] ^= 1; // place 0 holds generation 2
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap(), Some((1, heads(1))));
        assert_eq!(heads_in(&bytes), heads(1));
    }

    #[test]
    fn exported_lines_are_read() {
        let text = format!("{}\n{}\n", heads(7)[0], heads(7)[1]);
        assert_eq!(heads_in(text.as_bytes()), heads(7));
    }

    #[test]
    fn what_is_put_last_is_on_the_disk_when_the_file_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.heads");
        let file = HeadsFile::open(&path, heads(0)).unwrap();
        for count in 1..=50 {
            file.put(heads(count));
        }
        drop(file);
        assert_eq!(read(&path).unwrap().unwrap().1, heads(50));
    }
}
