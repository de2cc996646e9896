//! ZIP archives, unpacked within limits.
//!
//! What an archive says about itself is never believed: bytes are counted as they come out, and
//! its directory is read entry by entry. An archive that would do harm is refused; one that is
//! damaged, encrypted or lies about its sizes is kept as the file it is.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use zip::read::{Config, ZipFile, ZipFileEntry};
// Reads the directory entry by entry: the stable reader would first hold all of it, a million
// entries of a 50 MB archive, in memory.
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipReadOptions};

use super::names::{component, extension};
use super::staging::StagingDirectory;
use super::upload::Staged;

/// Entries of all archives of a request at most.
const MAX_ENTRIES: usize = 10_000;
/// Bytes that all archives of a request unpack to at most.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// How many bytes may come out for one that went in …
const MAX_RATIO: u64 = 200;
/// … of what unpacks to more than this.
const RATIO_FROM_BYTES: u64 = 1024 * 1024;
/// Bytes of an entry's path at most: what the workspace takes, less what numbering may add.
const MAX_PATH_BYTES: usize = 3_000;
/// Bytes of all paths of a request at most.
const MAX_PATHS_BYTES: usize = 4 * 1024 * 1024;
/// Bytes copied at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// ZIPs by their inside that are documents or programs to everybody.
const NOT_ARCHIVES: [&str; 22] = [
    "docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "pptx", "pptm", "potx", "odt", "ods", "odp",
    "odg", "epub", "jar", "war", "apk", "aab", "ipa", "whl", "vsix", "kmz",
];

/// What the archives of a request have used up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    entries: usize,
    bytes: u64,
    path_bytes: usize,
}

/// What became of an archive.
#[derive(Debug)]
pub(super) enum Unpacked {
    /// It was unpacked to these.
    Entries(Vec<Staged>),
    /// It stays a file.
    Kept,
    /// It does harm, and this is how.
    Refused(&'static str),
}

/// Why an archive is not unpacked.
enum Stop {
    Keep,
    Refuse(&'static str),
    Disk(io::Error),
}

impl From<zip::result::ZipError> for Stop {
    fn from(_: zip::result::ZipError) -> Self {
        Self::Keep
    }
}

/// Whether a file is an archive to be unpacked: by its first bytes, and by its name or type.
pub(super) fn is_archive(path: &Path, name: &str, media_type: &str) -> io::Result<bool> {
    let extension = extension(name);
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let typed = matches!(
        essence,
        "application/zip" | "application/x-zip" | "application/x-zip-compressed"
    );
    if NOT_ARCHIVES.contains(&extension.as_str()) || !(typed || extension == "zip") {
        return Ok(false);
    }
    let mut signature = [0; 4];
    match File::open(path)?.read_exact(&mut signature) {
        Ok(()) => Ok(&signature == b"PK\x03\x04"),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Unpacks the archive at `path` into files of `directory`. What is not used is removed with it.
pub(super) fn unpack(
    path: &Path,
    directory: &StagingDirectory,
    spent: &mut Spent,
) -> io::Result<Unpacked> {
    let mut made = Vec::new();
    let kept = match inflate_all(path, directory, spent, &mut made) {
        Ok(()) if made.is_empty() => Unpacked::Kept,
        Ok(()) => return Ok(Unpacked::Entries(made)),
        Err(Stop::Keep) => Unpacked::Kept,
        Err(Stop::Refuse(reason)) => Unpacked::Refused(reason),
        Err(Stop::Disk(error)) => return Err(error),
    };
    for file in made.iter().filter_map(|entry| entry.file.as_ref()) {
        std::fs::remove_file(file)?;
    }
    Ok(kept)
}

fn inflate_all(
    path: &Path,
    directory: &StagingDirectory,
    spent: &mut Spent,
    made: &mut Vec<Staged>,
) -> Result<(), Stop> {
    let open = || File::open(path).map(BufReader::new).map_err(Stop::Disk);
    let archive_bytes = std::fs::metadata(path).map_err(Stop::Disk)?.len();
    let mut archive = ZipIterable::try_new(open()?, Config::default())?;
    spent.entries = spent.entries.saturating_add(archive.len());
    if spent.entries > MAX_ENTRIES {
        return Err(Stop::Refuse("has too many entries"));
    }
    check_entries(&mut archive, spent)?;
    let mut counter = Counter {
        archive_bytes,
        unpacked_bytes: 0,
        spent,
    };
    let mut entries = archive.files_with_reader(open()?, ZipReadOptions::new())?;
    while let Some(entry) = entries.next() {
        let mut entry = entry?;
        let path = entry_path(&entry.entry()).map_err(Stop::Refuse)?;
        if path.is_empty() {
            continue;
        }
        let file = (!entry.is_dir()).then(|| directory.next_path());
        // Noted before it is filled: what is half there is removed as well.
        made.push(Staged {
            path,
            file: file.clone(),
        });
        if let Some(file) = file {
            inflate(&mut entry, &file, &mut counter)?;
        }
    }
    Ok(())
}

/// Looks at every entry before one is unpacked.
fn check_entries(
    archive: &mut ZipIterable<BufReader<File>>,
    spent: &mut Spent,
) -> Result<(), Stop> {
    let mut refusal = None;
    for entry in archive.files()? {
        let entry = entry?;
        let known = matches!(
            entry.compression(),
            CompressionMethod::Stored | CompressionMethod::Deflated
        );
        if entry.encrypted() || !known {
            return Err(Stop::Keep);
        }
        match entry_path(&entry) {
            Ok(path) => spent.path_bytes = spent.path_bytes.saturating_add(path.len()),
            Err(reason) => refusal = Some(reason),
        }
        if is_special(entry.unix_mode()) {
            refusal = Some("holds a link or a special file");
        }
    }
    if spent.path_bytes > MAX_PATHS_BYTES {
        refusal = Some("has names that are too long");
    }
    refusal.map_or(Ok(()), |reason| Err(Stop::Refuse(reason)))
}

/// Whether the mode is that of anything but a file or a directory.
fn is_special(unix_mode: Option<u32>) -> bool {
    let kind = unix_mode.unwrap_or(0) & 0o170_000;
    !matches!(kind, 0 | 0o100_000 | 0o040_000)
}

/// An entry's path of safe names; empty for one that names nothing.
fn entry_path(entry: &ZipFileEntry<'_>) -> Result<String, &'static str> {
    let name = match std::str::from_utf8(entry.name_raw()) {
        // Most archivers write UTF-8, whether they say so or not.
        Ok(name) => name.to_owned(),
        Err(_) => match entry.name() {
            Ok(name) => name.into_owned(),
            Err(_) => return Err("has a name that cannot be read"),
        },
    };
    safe_path(&name)
}

fn safe_path(name: &str) -> Result<String, &'static str> {
    let drive = |name: &str| matches!(name.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    if name.starts_with(['/', '\\']) || drive(name) {
        return Err("has an absolute name in it");
    }
    let mut path = String::new();
    for part in name.split(['/', '\\']) {
        let part = component(part);
        match part.as_str() {
            "" | "." => continue,
            ".." => return Err("has a name in it that leads out"),
            _ => {}
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&part);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err("has a name in it that is too long");
    }
    Ok(path)
}

/// Counts what comes out of an archive.
struct Counter<'a> {
    archive_bytes: u64,
    unpacked_bytes: u64,
    spent: &'a mut Spent,
}

impl Counter<'_> {
    fn count(&mut self, bytes: u64) -> Result<(), Stop> {
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(bytes);
        self.spent.bytes = self.spent.bytes.saturating_add(bytes);
        if self.spent.bytes > MAX_BYTES {
            return Err(Stop::Refuse("unpacks to too much"));
        }
        check_ratio(self.unpacked_bytes, self.archive_bytes)
    }
}

fn check_ratio(unpacked: u64, packed: u64) -> Result<(), Stop> {
    if unpacked > RATIO_FROM_BYTES && unpacked > packed.saturating_mul(MAX_RATIO) {
        return Err(Stop::Refuse("unpacks to too many times its size"));
    }
    Ok(())
}

/// Writes one entry to `file`.
fn inflate(
    entry: &mut ZipFile<'_, BufReader<File>>,
    file: &PathBuf,
    counter: &mut Counter<'_>,
) -> Result<(), Stop> {
    let (declared, packed) = (entry.size(), entry.compressed_size());
    let mut target = File::options()
        .write(true)
        .create_new(true)
        .open(file)
        .map_err(Stop::Disk)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut written: u64 = 0;
    loop {
        // A checksum that does not match and a size that is exceeded are errors of reading.
        let count = match entry.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Stop::Keep),
        };
        let bytes = u64::try_from(count).unwrap_or(u64::MAX);
        written = written.saturating_add(bytes);
        counter.count(bytes)?;
        check_ratio(written, packed)?;
        target
            .write_all(chunk.get(..count).unwrap_or_default())
            .map_err(Stop::Disk)?;
    }
    if written == declared {
        Ok(())
    } else {
        Err(Stop::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_names_stay_inside() {
        for (name, wanted) in [
            ("a/b.txt", "a/b.txt"),
            ("a//./b/", "a/b"),
            (r"dir\b.txt", "dir/b.txt"),
            ("a\nb", "a_b"),
            ("", ""),
            ("./", ""),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(safe_path(name), Ok(wanted.to_owned()), "{name:?}");
        }
        for name in [
            "/etc/passwd",
            r"\x",
            "C:/x",
            r"c:\x",
            "../x",
            "a/../../x",
            r"a\..\x",
            "a/ .. /x",
        ] {
            assert!(safe_path(name).is_err(), "{name:?}");
        }
        assert!(safe_path(&"abcdefghi/".repeat(301)).is_err());
    }

    #[test]
    fn links_pipes_and_devices_are_special() {
        for mode in [0o120_777, 0o010_644, 0o020_600, 0o060_600, 0o140_755] {
            assert!(is_special(Some(mode)), "{mode:o}");
        }
        for mode in [None, Some(0), Some(0o644), Some(0o100_644), Some(0o040_755)] {
            assert!(!is_special(mode), "{mode:?}");
        }
    }
}
