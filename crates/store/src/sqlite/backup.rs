//! The online copy of a database.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::connection::{make_new_file, map_error};
use crate::Error;

/// Pages a step: few enough that a step takes milliseconds.
const PAGES: i32 = 1024;
/// How long a busy source is waited for at once.
const BUSY: Duration = Duration::from_secs(5);

/// Copies `source` to the new file `to`, which must not exist yet.
pub(super) fn copy(source: &Connection, to: &Path) -> Result<(), Error> {
    make_new_file(to)?;
    let attempted = "backup";
    let mut target = Connection::open(to).map_err(|e| map_error(attempted, e))?;
    // A read transaction keeps the copy to one state: without it each foreign write starts it over.
    source
        .execute_batch("BEGIN; SELECT COUNT(*) FROM sqlite_schema;")
        .map_err(|e| map_error(attempted, e))?;
    source
        .busy_timeout(BUSY)
        .map_err(|e| map_error(attempted, e))?;
    let backup = Backup::new(source, &mut target).map_err(|e| map_error(attempted, e))?;
    loop {
        match backup.step(PAGES).map_err(|e| map_error(attempted, e))? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            StepResult::Busy | StepResult::Locked => {
                return Err(Error::unavailable(attempted, "the database is busy"));
            }
            _ => return Err(Error::unavailable(attempted, "unknown backup state")),
        }
    }
}
