//! The one place where a path that a client names becomes a file: beneath one folder, through no link, regular files
//! only.
//!
//! `openat2` keeps the whole way beneath the folder in one step of the kernel. Where it is not there, every component is
//! opened by itself, from the folder on, and a link among them is refused by the kernel as well.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};

/// Bytes of a whole path.
const PATH_BYTES_MAX: usize = 4_096;
/// Bytes of a component.
const NAME_BYTES_MAX: usize = 255;
/// Components of a path.
const DEPTH_MAX: usize = 32;
/// Bytes of a log's first line that are looked at.
const FIRST_LINE_MAX: u64 = 8_192;

/// Why a file is not opened. What lies outside of the folder and what is not there look the same to a client, so that
/// nobody learns what the machine has.
#[derive(Debug, thiserror::Error)]
pub enum ConfinedError {
    /// The path, or what it leads to.
    #[error("no such file in the import folder")]
    NoSuchFile,
    /// More bytes than may be read.
    #[error("the file has {found} bytes, limit is {limit}")]
    TooLong {
        /// In the file.
        found: u64,
        /// That are read.
        limit: u64,
    },
    /// The log's place is taken by something that is no log of ours.
    #[error("the log cannot be written: its place is taken")]
    Taken,
    /// The folder itself.
    #[error("the import folder cannot be used: {0}")]
    Folder(io::Error),
    /// Writing the log.
    #[error("the log cannot be written: {0}")]
    Write(io::Error),
}

/// A path below a folder: names only, none of them `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    names: Vec<String>,
}

impl Below {
    /// What a client's path means below a folder that stands at `root`. Backslashes are slashes, a drive letter and its
    /// slash go; `None` = it cannot be below it.
    #[must_use]
    pub fn new(given: &str, root: &Path) -> Option<Self> {
        if given.len() > PATH_BYTES_MAX || given.chars().any(char::is_control) {
            return None;
        }
        let path = given.replace('\\', "/");
        let mut path = path.as_str();
        if let [drive, b':', ..] = path.as_bytes()
            && drive.is_ascii_alphabetic()
        {
            path = path.get(2..)?;
            path = path.strip_prefix('/').unwrap_or(path);
        } else if path.starts_with('/') {
            let root = root.to_str()?.trim_end_matches('/');
            path = path.strip_prefix(root).filter(|_| !root.is_empty())?.strip_prefix('/')?;
        }
        let names: Vec<String> = path.split('/').map(str::to_owned).collect();
        let bad = |name: &String| name.is_empty() || name == "." || name == ".." || name.len() > NAME_BYTES_MAX;
        (names.len() <= DEPTH_MAX && !names.iter().any(bad)).then_some(Self { names })
    }

    /// The file's own name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    fn path(&self) -> PathBuf {
        self.names.iter().collect()
    }

    fn folder(&self) -> &[String] {
        self.names.split_last().map_or(&[], |(_, folder)| folder)
    }
}

/// A file that was found below the folder.
#[derive(Debug)]
pub struct Found {
    /// Open for reading.
    pub file: File,
    /// Its bytes when it was opened.
    pub len: u64,
    /// Where it lies.
    pub below: Below,
}

/// A folder that clients may name files of.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    root: PathBuf,
    step_by_step: bool,
}

impl Folder {
    /// The folder of the configuration. Its own path may lead over links: the operator named it.
    ///
    /// # Errors
    /// [`ConfinedError::Folder`]
    pub fn open(root: &Path) -> Result<Self, ConfinedError> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(root, flags, Mode::empty()).map_err(|error| ConfinedError::Folder(error.into()))?;
        Ok(Self { fd, root: root.to_owned(), step_by_step: false })
    }

    /// Opens a file that a client names.
    ///
    /// # Errors
    /// [`ConfinedError::NoSuchFile`], [`ConfinedError::TooLong`]
    pub fn file(&self, given: &str, most: u64) -> Result<Found, ConfinedError> {
        let below = Below::new(given, &self.root).ok_or(ConfinedError::NoSuchFile)?;
        let file = self.regular(&below).map_err(|_| ConfinedError::NoSuchFile)?;
        let len = file.metadata().map_err(|_| ConfinedError::NoSuchFile)?.len();
        if len > most {
            return Err(ConfinedError::TooLong { found: len, limit: most });
        }
        Ok(Found { file, len, below })
    }

    /// The place of a log beside a file of this folder: `<name>.log`, free or with a log of ours in it.
    ///
    /// # Errors
    /// [`ConfinedError::Taken`], [`ConfinedError::Folder`]
    pub fn log_beside(&self, below: &Below) -> Result<LogPlace, ConfinedError> {
        let folder = if below.folder().is_empty() {
            self.fd.try_clone().map_err(ConfinedError::Folder)?
        } else {
            let folder = Below { names: below.folder().to_vec() };
            self.beneath(&folder, OFlags::DIRECTORY | OFlags::RDONLY).map_err(ConfinedError::Folder)?
        };
        LogPlace::new(folder, below.name())
    }

    /// The place of a log of that name in this folder.
    ///
    /// # Errors
    /// [`ConfinedError::Taken`], [`ConfinedError::Folder`]
    pub fn log_of(&self, below: &Below) -> Result<LogPlace, ConfinedError> {
        LogPlace::new(self.fd.try_clone().map_err(ConfinedError::Folder)?, below.name())
    }

    /// Without O_NONBLOCK a named pipe would hold us until somebody writes to it.
    fn regular(&self, below: &Below) -> io::Result<File> {
        let file = File::from(self.beneath(below, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    fn beneath(&self, below: &Below, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        #[cfg(target_os = "linux")]
        if !self.step_by_step {
            use rustix::fs::ResolveFlags;
            use rustix::io::Errno;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            // A rename beside the way makes the kernel unsure; it says so, and is asked again.
            for _ in 0..16 {
                match rustix::fs::openat2(&self.fd, below.path(), flags, Mode::empty(), resolve) {
                    Ok(fd) => return Ok(fd),
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    // Older kernels, and filters that do not know the call.
                    Err(Errno::NOSYS | Errno::PERM) => return self.step_by_step(below, flags),
                    Err(error) => return Err(error.into()),
                }
            }
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.step_by_step(below, flags)
    }

    fn step_by_step(&self, below: &Below, flags: OFlags) -> io::Result<OwnedFd> {
        let mut at = self.fd.try_clone()?;
        let way = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        for name in below.folder() {
            at = rustix::fs::openat(&at, name.as_str(), way, Mode::empty())?;
        }
        Ok(rustix::fs::openat(&at, below.name(), flags, Mode::empty())?)
    }
}

/// Where a log goes. What is there is replaced in one step, and only when it is a log of ours.
#[derive(Debug)]
pub struct LogPlace {
    folder: OwnedFd,
    name: String,
    source: String,
}

impl LogPlace {
    fn new(folder: OwnedFd, source: &str) -> Result<Self, ConfinedError> {
        let place = Self { folder, name: format!("{source}.log"), source: source.to_owned() };
        place.check()?;
        Ok(place)
    }

    /// What the first line of every log of this file begins with.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("# {} sha256=", self.source)
    }

    fn check(&self) -> Result<(), ConfinedError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = match rustix::fs::openat(&self.folder, self.name.as_str(), flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            Err(_) => return Err(ConfinedError::Taken),
        };
        let mut line = String::new();
        let regular = file.metadata().is_ok_and(|found| found.is_file());
        let read = BufReader::new(file.take(FIRST_LINE_MAX)).read_line(&mut line);
        let ours = regular && read.is_ok() && line.starts_with(&self.mark());
        if ours { Ok(()) } else { Err(ConfinedError::Taken) }
    }

    /// Writes a log. It stands there whole or not at all.
    ///
    /// # Errors
    /// [`ConfinedError::Taken`], [`ConfinedError::Write`]
    pub fn write(
        &self,
        unique: &str,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), ConfinedError> {
        self.check()?;
        let part = format!(".{unique}.log.part");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let fd = rustix::fs::openat(self.folder.as_fd(), part.as_str(), flags, mode);
        let mut file = File::from(fd.map_err(|error| ConfinedError::Write(error.into()))?);
        let done = (|| {
            let mut out = io::BufWriter::new(&mut file);
            fill(&mut out)?;
            out.flush()?;
            drop(out);
            file.sync_all()
        })();
        let place = || {
            done.map_err(ConfinedError::Write)?;
            self.check()?;
            let renamed = rustix::fs::renameat(&self.folder, part.as_str(), &self.folder, self.name.as_str());
            renamed.map_err(|error| ConfinedError::Write(error.into()))
        };
        place().inspect_err(|_| {
            // It is ours, and nobody reads it.
            let _ = rustix::fs::unlinkat(&self.folder, part.as_str(), AtFlags::empty());
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// An import folder with files, links and a pipe, and what lies around it.
    fn scene() -> tempfile::TempDir {
        let scene = tempfile::tempdir().unwrap();
        let at = |name: &str| scene.path().join(name);
        fs::create_dir_all(at("import/deep/deeper")).unwrap();
        fs::create_dir(at("import-2")).unwrap();
        for (name, text) in [
            ("import/a.csv", "inside"),
            ("import/deep/b.csv", "inside"),
            ("import/deep/deeper/ü c.csv", "inside"),
            ("import/d..e.csv", "inside"),
            ("import/..f.csv", "inside"),
            ("import-2/x.csv", "OUTSIDE"),
            ("x.csv", "OUTSIDE"),
        ] {
            fs::write(at(name), text).unwrap();
        }
        symlink("../x.csv", at("import/link.csv")).unwrap();
        symlink(at("x.csv"), at("import/absolute-link.csv")).unwrap();
        symlink("a.csv", at("import/inner-link.csv")).unwrap();
        symlink("..", at("import/up")).unwrap();
        symlink("deep", at("import/inner-folder")).unwrap();
        symlink("/proc/self/root", at("import/magic")).unwrap();
        symlink("nowhere", at("import/dangling.csv")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("import/pipe.csv"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        scene
    }

    fn folders(scene: &tempfile::TempDir) -> [Folder; 2] {
        let root = scene.path().join("import");
        let by_steps = Folder { step_by_step: true, ..Folder::open(&root).unwrap() };
        [Folder::open(&root).unwrap(), by_steps]
    }

    fn read(folder: &Folder, given: &str) -> Result<String, ConfinedError> {
        let mut text = String::new();
        folder.file(given, 1 << 20)?.file.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    /// Ways out of the folder, and ways to something that is no file in it.
    fn escapes(scene: &tempfile::TempDir) -> Vec<String> {
        let outside = scene.path().join("x.csv").display().to_string();
        let sibling = scene.path().join("import-2/x.csv").display().to_string();
        let inside = scene.path().join("import").display().to_string();
        let mut all: Vec<String> = [
            "",
            " ",
            ".",
            "..",
            "/",
            "\\",
            "./",
            "../",
            "...",
            "./a.csv",
            "a.csv/",
            "a.csv/.",
            "a.csv/..",
            "a.csv/b",
            "deep",
            "deep/",
            "deep/.",
            "deep/..",
            "deep//b.csv",
            "//a.csv",
            "/a.csv",
            "\\a.csv",
            "\\\\a.csv",
            "deep/../a.csv",
            "../x.csv",
            "..\\x.csv",
            "../import/a.csv",
            "../import-2/x.csv",
            "deep/../../x.csv",
            "deep\\..\\..\\x.csv",
            "deep/deeper/../../../x.csv",
            "deep/./b.csv",
            "deep/deeper/../b.csv",
            "..//x.csv",
            ".././x.csv",
            "./../x.csv",
            "C:",
            "C:/",
            "C:\\",
            "C:..",
            "C:../x.csv",
            "C:..\\x.csv",
            "C:/../x.csv",
            "C:\\..\\x.csv",
            "c:/./a.csv",
            "C:/C:/a.csv",
            "C://a.csv",
            "C:\\\\a.csv",
            "C:///etc/passwd",
            "C:/deep/../../x.csv",
            "1:/a.csv",
            "CC:/a.csv",
            ":/a.csv",
            "C:/D:/x.csv",
            "file:a.csv",
            "file:///etc/passwd",
            "file://a.csv",
            "http://127.0.0.1/x.csv",
            "/etc/passwd",
            "//etc/passwd",
            "\\etc\\passwd",
            "\\\\server\\share\\x.csv",
            "\\\\?\\C:\\x.csv",
            "\\\\.\\pipe\\x",
            "C:/etc/passwd",
            "C:\\etc\\passwd",
            "etc/passwd",
            "/proc/self/environ",
            "/dev/stdin",
            "/dev/zero",
            "CON",
            "NUL",
            "link.csv",
            "absolute-link.csv",
            "inner-link.csv",
            "up/x.csv",
            "up/import/a.csv",
            "inner-folder/b.csv",
            "magic/etc/passwd",
            "dangling.csv",
            "dangling.csv/x",
            "C:/link.csv",
            "C:\\up\\x.csv",
            "deep/../up/x.csv",
            "pipe.csv",
            "C:\\pipe.csv",
            "a.csv\0",
            "a.csv\0.txt",
            "\0",
            "a\0/../x.csv",
            "a.csv\n",
            "\na.csv",
            "a.csv\r",
            "a\tb",
            "%2e%2e/x.csv",
            "..%2fx.csv",
            "%2e%2e%2fx.csv",
            "..%5cx.csv",
            "..%c0%afx.csv",
            "%00",
            "a.csv%00",
            "a.csv?",
            "a.csv#",
            "~",
            "~/x.csv",
            "~root/x.csv",
            "$HOME/x.csv",
            "`x`",
            "$(cat x)",
            "*",
            "*.csv",
            "{a,b}.csv",
            "a.csv|x",
            "-",
            "--help",
            "．．/x.csv",
            "..／x.csv",
            "‥/x.csv",
            "..\u{2215}x.csv",
            "..\u{29F5}x.csv",
            "\u{202E}vsc.a",
            "\u{FEFF}a.csv",
            "A.CSV ",
            "a.csv:stream",
            "a.csv::$DATA",
            "a.csv.",
            "a.csv ",
            " a.csv",
            "absent.csv",
            "absent/a.csv",
        ]
        .map(str::to_owned)
        .to_vec();
        all.extend([outside, sibling, inside.clone(), format!("{inside}/"), format!("{inside}/../x.csv")]);
        all.extend([format!("{inside}//a.csv"), format!("{inside}a.csv"), format!("{inside}/link.csv")]);
        all.extend([format!("C:{inside}/a.csv"), inside.replace('/', "\\") + "\\..\\x.csv"]);
        all.extend([
            "../".repeat(1_000) + "etc/passwd",
            "a/".repeat(100) + "x.csv",
            "a".repeat(256),
            "a".repeat(10_000),
        ]);
        all
    }

    #[test]
    fn a_hundred_ways_out_of_the_folder_lead_nowhere_and_look_the_same() {
        let scene = scene();
        let escapes = escapes(&scene);
        assert!(escapes.len() >= 100, "{}", escapes.len());
        for folder in folders(&scene) {
            for given in &escapes {
                let error = read(&folder, given).expect_err(given);
                assert_eq!(error.to_string(), "no such file in the import folder", "{given}");
            }
        }
    }

    #[test]
    fn files_of_the_folder_are_read_however_their_path_is_written() {
        let scene = scene();
        let absolute = scene.path().join("import/deep/b.csv").display().to_string();
        for folder in folders(&scene) {
            for given in [
                "a.csv",
                "C:/a.csv",
                "c:\\a.csv",
                "C:a.csv",
                "deep/b.csv",
                "deep\\b.csv",
                "C:\\deep\\deeper\\ü c.csv",
                "d..e.csv",
                "..f.csv",
                &absolute,
            ] {
                assert_eq!(read(&folder, given).unwrap(), "inside", "{given}");
            }
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let scene = scene();
        let error = folders(&scene)[0].file("a.csv", 5).unwrap_err();
        assert_eq!(error.to_string(), "the file has 6 bytes, limit is 5");
    }

    /// Every file around, with what a link leads to kept apart.
    fn picture(scene: &tempfile::TempDir) -> BTreeMap<PathBuf, String> {
        fn walk(folder: &Path, all: &mut BTreeMap<PathBuf, String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let found = fs::symlink_metadata(&path).unwrap();
                if found.is_dir() {
                    walk(&path, all);
                } else if found.is_file() {
                    all.insert(path.clone(), fs::read_to_string(&path).unwrap());
                } else {
                    all.insert(path, "other".into());
                }
            }
        }
        let mut all = BTreeMap::new();
        walk(scene.path(), &mut all);
        all
    }

    #[test]
    fn a_log_replaces_a_log_of_ours_and_nothing_else() {
        let scene = scene();
        let log = |name: &str| scene.path().join("import").join(name);
        for folder in folders(&scene) {
            let below = folder.file("deep/b.csv", 100).unwrap().below;
            for text in ["first", "second"] {
                let place = folder.log_beside(&below).unwrap();
                let line = format!("{}00 started=now\n{text}\n", place.mark());
                place.write("job", |out| out.write_all(line.as_bytes())).unwrap();
                assert_eq!(fs::read_to_string(log("deep/b.csv.log")).unwrap(), line);
            }
            let below = folder.file("a.csv", 100).unwrap().below;
            for taken in ["", "x", "# a.csv", "# b.csv sha256=00\n"] {
                fs::write(log("a.csv.log"), taken).unwrap();
                assert!(matches!(folder.log_beside(&below), Err(ConfinedError::Taken)), "{taken}");
                assert_eq!(fs::read_to_string(log("a.csv.log")).unwrap(), taken);
            }
            fs::remove_file(log("a.csv.log")).unwrap();
            let before = picture(&scene);
            for target in ["../x.csv", "a.csv", "nowhere", "deep", "a.csv.log"] {
                symlink(target, log("a.csv.log")).unwrap();
                assert!(matches!(folder.log_beside(&below), Err(ConfinedError::Taken)), "{target}");
                fs::remove_file(log("a.csv.log")).unwrap();
            }
            fs::create_dir(log("a.csv.log")).unwrap();
            assert!(matches!(folder.log_beside(&below), Err(ConfinedError::Taken)));
            fs::remove_dir(log("a.csv.log")).unwrap();
            assert_eq!(picture(&scene), before);
        }
    }

    #[test]
    fn a_place_that_was_taken_while_the_import_ran_is_left_alone() {
        let scene = scene();
        let folder = &folders(&scene)[0];
        let below = folder.file("a.csv", 100).unwrap().below;
        let place = folder.log_beside(&below).unwrap();
        symlink("../x.csv", scene.path().join("import/a.csv.log")).unwrap();
        let before = picture(&scene);
        assert!(matches!(place.write("job", |out| out.write_all(b"text")), Err(ConfinedError::Taken)));
        fs::remove_file(scene.path().join("import/a.csv.log")).unwrap();
        let failed = place.write("job", |_| Err(io::ErrorKind::StorageFull.into()));
        assert!(matches!(failed, Err(ConfinedError::Write(_))));
        symlink("../x.csv", scene.path().join("import/a.csv.log")).unwrap();
        assert_eq!(picture(&scene), before, "nothing is left of either");
    }
}
