//! The master key and where it comes from. Its text form is 64 hexadecimal characters, whatever
//! the source; blanks around it are ignored.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use model::Random;
use zeroize::Zeroizing;

use crate::Secret;

/// More than any key's text; what is longer is not a key.
const MAX_TEXT_BYTES: u64 = 1024;

/// 32 random bytes. Shows nothing in logs and is wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// A file of the server's own, made with mode 0600 at the first start. Refused when others
    /// may read it.
    OwnFile(PathBuf),
    /// A file that somebody else provides (a mounted secret); never made, its mode is not ours.
    ProvidedFile(PathBuf),
    /// The text itself.
    Value(Secret),
    /// The output of a shell command, which may ask a key store.
    Command(String),
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is not 64 hexadecimal characters.
    #[error("the master key is not 64 hexadecimal characters ({0})")]
    Malformed(&'static str),
    /// The file lets others read the key.
    #[error("others than its owner may read the master key in {} (chmod 600)", .0.display())]
    Exposed(PathBuf),
    /// The file could not be read or made.
    #[error("the master key's file {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The command could not be run.
    #[error("run the master key's command")]
    Command(#[source] io::Error),
    /// The command ran and failed.
    #[error("the master key's command failed: {0}")]
    CommandFailed(std::process::ExitStatus),
}

impl MasterKey {
    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A fresh key.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(bytes.as_mut_slice());
        Self(bytes)
    }

    pub(crate) fn expose_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Gets the key. Blocks while a command runs.
    ///
    /// # Errors
    /// See [`MasterKeyError`]. A file of the server's own is made if it is missing, and only then.
    pub fn load(source: &MasterKeySource, random: &dyn Random) -> Result<Self, MasterKeyError> {
        match source {
            MasterKeySource::OwnFile(path) => Self::own_file(path, random),
            MasterKeySource::ProvidedFile(path) => {
                let file = File::open(path).map_err(in_file(path))?;
                Self::parse(&read_text(file).map_err(in_file(path))?, "from a file")
            }
            MasterKeySource::Value(text) => {
                Self::parse(text.expose_secret(), "from the environment")
            }
            MasterKeySource::Command(command) => Self::parse(&run(command)?, "from a command"),
        }
    }

    /// Makes a fresh key and writes it to a new file, for its owner only.
    ///
    /// # Errors
    /// [`MasterKeyError::File`], also when the file exists.
    pub fn create(path: &Path, random: &dyn Random) -> Result<Self, MasterKeyError> {
        let fresh = Self::generate(random);
        fresh.write_new(path, random).map_err(in_file(path))?;
        Ok(fresh)
    }

    fn own_file(path: &Path, random: &dyn Random) -> Result<Self, MasterKeyError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let fresh = Self::generate(random);
                match fresh.write_new(path, random) {
                    Ok(()) => return Ok(fresh),
                    // Another process was faster: its key counts.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => File::open(path),
                    Err(error) => Err(error),
                }
            }
            opened => opened,
        };
        let file = file.map_err(in_file(path))?;
        if file.metadata().map_err(in_file(path))?.mode() & 0o077 != 0 {
            return Err(MasterKeyError::Exposed(path.to_owned()));
        }
        Self::parse(&read_text(file).map_err(in_file(path))?, "from a file")
    }

    /// Writes the key to a file that appears whole or not at all, and only if there is none.
    fn write_new(&self, path: &Path, random: &dyn Random) -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut suffix = [0; 8];
        random.fill(&mut suffix);
        let draft = directory.join(format!(".master-key-{:016x}", u64::from_be_bytes(suffix)));
        let written = self.write_draft(&draft).and_then(|()| {
            // Unlike a rename, a link never replaces a key that is there.
            std::fs::hard_link(&draft, path)
        });
        let removed = std::fs::remove_file(&draft);
        written.and(removed)?;
        File::open(directory)?.sync_all()
    }

    fn write_draft(&self, draft: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(draft)?;
        file.write_all(self.to_text().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    }

    fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(64));
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).expect("four bits are one digit"));
            }
        }
        text
    }

    fn parse(text: &str, origin: &'static str) -> Result<Self, MasterKeyError> {
        let malformed = || MasterKeyError::Malformed(origin);
        let digits = text.trim().as_bytes();
        if digits.len() != 64 {
            return Err(malformed());
        }
        let mut bytes = Zeroizing::new([0; 32]);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16).ok_or_else(malformed)?;
                *byte = (*byte << 4) | u8::try_from(value).map_err(|_| malformed())?;
            }
        }
        Ok(Self(bytes))
    }
}

fn in_file(path: &Path) -> impl Fn(io::Error) -> MasterKeyError {
    |source| MasterKeyError::File {
        path: path.to_owned(),
        source,
    }
}

fn read_text(source: impl io::Read) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    source.take(MAX_TEXT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn run(command: &str) -> Result<Zeroizing<String>, MasterKeyError> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(MasterKeyError::Command)?;
    let output = child.stdout.take().map(read_text);
    let status = child.wait().map_err(MasterKeyError::Command)?;
    if !status.success() {
        return Err(MasterKeyError::CommandFailed(status));
    }
    let output = output.unwrap_or_else(|| Ok(Zeroizing::default()));
    output.map_err(MasterKeyError::Command)
}

#[cfg(test)]
#[path = "master_tests.rs"]
mod tests;
