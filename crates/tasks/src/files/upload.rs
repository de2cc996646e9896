//! The files that a request brings.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::disk::blocking;
use super::names::file_name;
use super::staging::{Staging, StagingDirectory};
use super::unpack::{self, Spent, Unpacked};
use crate::{Error, InputError};

/// Files of one request at most.
pub const MAX_FILES: usize = 20;
/// Bytes of one file at most.
pub const MAX_FILE_BYTES: u64 = 52_428_800;
/// Bytes that are gathered in memory before they are written.
const BUFFER_BYTES: usize = 256 * 1024;

/// The files of one request, on their way. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    staging: Arc<Staging>,
    directory: Option<Arc<StagingDirectory>>,
    received: Vec<ReceivedFile>,
    staged: Vec<Staged>,
    spent: Spent,
}

/// A file as it came, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedFile {
    /// Its name, made safe.
    pub name: String,
    /// What is in it.
    pub sha256: [u8; 32],
}

/// Something that is to be put under `uploads/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Staged {
    /// Where, relative to `uploads/`: safe names, separated by `/`.
    pub(super) path: String,
    /// The file; a directory has none.
    pub(super) file: Option<PathBuf>,
}

impl Upload {
    pub(crate) fn new(staging: Arc<Staging>) -> Self {
        Self {
            staging,
            directory: None,
            received: Vec::new(),
            staged: Vec::new(),
            spent: Spent::default(),
        }
    }

    /// Whether no file came.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// The files as they came, in their order.
    pub fn received(&self) -> &[ReceivedFile] {
        &self.received
    }

    pub(super) fn staged(&self) -> &[Staged] {
        &self.staged
    }

    /// Takes one more file. It counts when its sink is finished. A part that has neither a name
    /// nor a byte is what a browser sends for a file that nobody chose: it is no file.
    pub fn file(&mut self, name: Option<&str>, media_type: Option<&str>) -> FileSink<'_> {
        FileSink {
            name: name.map(str::to_owned).filter(|name| !name.is_empty()),
            media_type: media_type.unwrap_or_default().to_ascii_lowercase(),
            spool: None,
            buffer: Vec::new(),
            size_bytes: 0,
            upload: self,
        }
    }

    /// The request's directory, made with its first file.
    async fn directory(&mut self) -> Result<Arc<StagingDirectory>, Error> {
        if let Some(directory) = &self.directory {
            return Ok(Arc::clone(directory));
        }
        let staging = Arc::clone(&self.staging);
        let made = blocking(move || staging.request()).await?;
        Ok(Arc::clone(self.directory.insert(Arc::new(made))))
    }
}

/// Takes the bytes of one file, in order. Dropped before it is finished, the request is refused.
#[derive(Debug)]
pub struct FileSink<'a> {
    upload: &'a mut Upload,
    name: Option<String>,
    media_type: String,
    spool: Option<Spool>,
    buffer: Vec<u8>,
    size_bytes: u64,
}

/// A file being written.
#[derive(Debug)]
struct Spool {
    path: PathBuf,
    file: File,
    hash: Sha256,
    // Keeps the directory until the last write is over.
    _directory: Arc<StagingDirectory>,
}

impl Spool {
    fn create(directory: Arc<StagingDirectory>) -> std::io::Result<Self> {
        let path = directory.next_path();
        Ok(Self {
            file: File::options().write(true).create_new(true).open(&path)?,
            path,
            hash: Sha256::new(),
            _directory: directory,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }
}

impl FileSink<'_> {
    /// Takes more bytes.
    ///
    /// # Errors
    /// [`Error::Input`] for a byte over [`MAX_FILE_BYTES`] or a file over [`MAX_FILES`];
    /// [`Error::Disk`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.size_bytes == 0 {
            self.check_count()?;
        }
        self.size_bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.size_bytes > MAX_FILE_BYTES {
            return refuse(format!("a file is larger than {MAX_FILE_BYTES} bytes"));
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.flush().await
    }

    /// Ends the file. An archive is unpacked here.
    ///
    /// # Errors
    /// [`Error::Input`] for an archive that may not be unpacked or a file over [`MAX_FILES`];
    /// [`Error::Disk`].
    pub async fn finish(mut self) -> Result<(), Error> {
        if self.name.is_none() && self.size_bytes == 0 {
            return Ok(());
        }
        self.check_count()?;
        self.flush().await?;
        let spool = self.spool.take().expect("a flush leaves a spool");
        let name = file_name(self.name.as_deref().unwrap_or_default());
        let directory = self.upload.directory().await?;
        let media_type = std::mem::take(&mut self.media_type);
        let mut spent = self.upload.spent;
        let finish = {
            let name = name.clone();
            move || {
                let archive = unpack::is_archive(&spool.path, &name, &media_type)?;
                let unpacked = if archive {
                    unpack::unpack(&spool.path, &directory, &mut spent)?
                } else {
                    Unpacked::Kept
                };
                if let Unpacked::Entries(_) = unpacked {
                    std::fs::remove_file(&spool.path)?;
                }
                Ok((
                    spool.path,
                    <[u8; 32]>::from(spool.hash.finalize()),
                    unpacked,
                    spent,
                ))
            }
        };
        let done: std::io::Result<_> = blocking(finish).await;
        let (path, sha256, unpacked, spent) = done?;
        self.upload.spent = spent;
        match unpacked {
            Unpacked::Entries(entries) => self.upload.staged.extend(entries),
            Unpacked::Kept => self.upload.staged.push(Staged {
                path: name.clone(),
                file: Some(path),
            }),
            Unpacked::Refused(reason) => return refuse(format!("the archive {name:?} {reason}")),
        }
        self.upload.received.push(ReceivedFile { name, sha256 });
        Ok(())
    }

    fn check_count(&self) -> Result<(), Error> {
        if self.upload.received.len() < MAX_FILES {
            return Ok(());
        }
        refuse(format!("there are more than {MAX_FILES} files"))
    }

    /// Writes what is gathered; the file is made if it is not there.
    async fn flush(&mut self) -> Result<(), Error> {
        let spool = self.spool.take();
        let directory = self.upload.directory().await?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let write = move || {
            let mut spool = match spool {
                Some(spool) => spool,
                None => Spool::create(directory)?,
            };
            spool.write(&buffer)?;
            buffer.clear();
            Ok((spool, buffer))
        };
        let written: std::io::Result<_> = blocking(write).await;
        let (spool, buffer) = written?;
        self.spool = Some(spool);
        self.buffer = buffer;
        Ok(())
    }
}

fn refuse<T>(reason: String) -> Result<T, Error> {
    Err(InputError::Field(format!("`files`: {reason}")).into())
}
