//! Saves what a task made. The names come from a server: nothing is written outside the directory
//! that was asked for, and no link in it is followed or replaced.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use client::{Client, Download};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::connect::failed;
use crate::failure::{Failure, chain};
use crate::output::Output;
use crate::terminal::clean;

/// What was sent is not fetched again.
const UPLOADS: &str = "uploads/";
/// The name of a file while it comes.
const UNFINISHED: &str = ".sigmic-unfinished";
/// More parts than any path of a workspace has.
const MAX_PARTS: usize = 255;

/// A directory to save in.
#[derive(Debug)]
pub(super) struct Destination {
    directory: OwnedFd,
    path: PathBuf,
}

impl Destination {
    /// Makes it unless it is there.
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let opened = (|| {
            std::fs::create_dir_all(&path)?;
            File::open(&path)
        })();
        let directory = opened.map_err(|error| {
            Failure::Usage(format!("cannot save in {}: {error}", path.display()))
        })?;
        Ok(Self {
            directory: directory.into(),
            path,
        })
    }

    /// Saves every file of the task that it was not sent.
    ///
    /// # Errors
    /// When something could not be saved, after everything else was.
    pub(super) async fn save_artifacts(
        &self,
        client: &Client,
        id: &str,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let list = client.list_artifacts(id).await.map_err(failed)?;
        let mut result = Ok(());
        for artifact in &list.files {
            let path = artifact.path.as_str();
            if path.starts_with(UPLOADS) {
                continue;
            }
            let shown = clean(&self.path.join(path).display().to_string());
            let saved = async {
                let (parents, name) = safe_parts(path).context("its name is not safe")?;
                let download = client.download_artifact(id, path).await?;
                self.save(&parents, name, download).await
            };
            match saved.await {
                Ok(bytes) => output.note(format!("Saved {shown} ({bytes} bytes)")),
                Err(error) => {
                    let why = clean(&chain(error.as_ref()));
                    output.note(format!("\x1b[31mNot saved:\x1b[0m {shown}: {why}"));
                    result = Err(Failure::Told);
                }
            }
        }
        if list.truncated {
            output.note("There are more files than the server lists.");
        }
        result
    }

    /// Answers how many bytes it had.
    async fn save(
        &self,
        parents: &[&str],
        name: &str,
        mut download: Download,
    ) -> anyhow::Result<u64> {
        let mut directory = self.directory.try_clone()?;
        for parent in parents {
            directory = enter(&directory, parent)
                .with_context(|| format!("`{parent}` is no directory to save in"))?;
        }
        let named = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW);
        match named {
            Err(Errno::NOENT) => {}
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {}
            Ok(_) => bail!("something that is no file has its name"),
            Err(error) => return Err(error.into()),
        }
        let unfinished = Unfinished::create(&directory)?;
        let mut file = File::from(unfinished.file.try_clone()?);
        let mut bytes = 0;
        while let Some(piece) = download.next().await? {
            file.write_all(piece.as_ref())?;
            bytes += u64::try_from(piece.as_ref().len())?;
        }
        // Takes the place of a file, and of a link that came meanwhile; never of what it leads to.
        rustix::fs::renameat(&directory, &unfinished.name, &directory, name)?;
        Ok(bytes)
    }
}

/// A file that is removed unless it got its name.
#[derive(Debug)]
struct Unfinished<'a> {
    directory: &'a OwnedFd,
    name: OsString,
    file: OwnedFd,
}

impl<'a> Unfinished<'a> {
    fn create(directory: &'a OwnedFd) -> anyhow::Result<Self> {
        let name = OsString::from(format!("{UNFINISHED}-{}", std::process::id()));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(directory, &name, flags | OFlags::CLOEXEC, 0o644.into())?;
        Ok(Self {
            directory,
            name,
            file,
        })
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // It is not there any more when it got its name.
        let _ = rustix::fs::unlinkat(self.directory, &self.name, AtFlags::empty());
    }
}

/// Opens a directory in a directory, made if it is not there; links are not followed.
fn enter(directory: &OwnedFd, name: &str) -> std::io::Result<OwnedFd> {
    match rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(directory, name, flags, Mode::empty());
    opened.map_err(|error| match error {
        Errno::LOOP | Errno::NOTDIR => std::io::Error::new(ErrorKind::NotADirectory, "a link"),
        error => error.into(),
    })
}

/// The directories of a path and its last name; `None` if any of them could lead elsewhere or
/// harm whoever lists it.
fn safe_parts(path: &str) -> Option<(Vec<&str>, &str)> {
    let mut parts: Vec<&str> = path.split('/').collect();
    let is_safe = |part: &&str| {
        !matches!(*part, "" | "." | "..")
            && !part.starts_with(UNFINISHED)
            && clean(part) == **part
            && !part.contains(['\n', '\t'])
    };
    if parts.len() > MAX_PARTS || !parts.iter().all(is_safe) || Path::new(path).is_absolute() {
        return None;
    }
    let name = parts.pop()?;
    Some((parts, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_inside_are_safe() {
        assert_eq!(safe_parts("a/b c/d.txt"), Some((vec!["a", "b c"], "d.txt")));
        let long = "a/".repeat(300) + "b";
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/../b",
            "a//b",
            "./a",
            "a/",
            "a\nb",
            "\x1b[2J",
            "a\0b",
            &long,
        ] {
            assert_eq!(safe_parts(bad), None, "{bad:?}");
        }
    }
}
