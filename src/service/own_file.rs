//! Files that only their owner reads, at the place that was named and nowhere else.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a file for writing; one that is made here is readable by its owner only. A symbolic link in its place, which
/// somebody else may have laid there, is refused: it would lead to another file.
///
/// # Errors
/// What the disk says, or a link.
pub fn own_file(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(path).map_err(|error| match path.is_symlink() {
        true => io::Error::new(io::ErrorKind::InvalidInput, "a symbolic link stands in the place of a file"),
        false => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_place_of_a_file_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("victim"), "as it was").unwrap();
        for target in ["victim", "not-there", "."] {
            std::os::unix::fs::symlink(at(target), at("report")).unwrap();
            for options in [File::options().create(true).truncate(true), File::options().create_new(true)] {
                let error = own_file(&at("report"), options).unwrap_err();
                assert!(error.to_string().contains("symbolic link"), "{target}: {error}");
            }
            std::fs::remove_file(at("report")).unwrap();
        }
        assert_eq!(std::fs::read_to_string(at("victim")).unwrap(), "as it was");
        assert!(!at("not-there").exists());
        own_file(&at("report"), File::options().create(true)).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(at("report")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
