//! What was tried, and how it ended.

use serde_json::json;

use crate::failure::{Done, Failure};
use crate::output::Output;

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

/// Counts, and tells each case as it ends.
pub(super) struct Report<'a> {
    output: &'a mut Output,
    json: bool,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl<'a> Report<'a> {
    /// For people, or for programs.
    pub(super) fn new(output: &'a mut Output, form: Form) -> Self {
        Self {
            output,
            json: form == Form::Json,
            passed: 0,
            failed: 0,
            skipped: 0,
        }
    }

    /// A case: what is wrong, if something is.
    pub(super) fn case(&mut self, group: &str, name: &str, fault: Option<&str>) {
        match fault {
            None => self.passed += 1,
            Some(_) => self.failed += 1,
        }
        if self.json {
            let case = json!({"group": group, "case": name, "ok": fault.is_none(), "fault": fault});
            self.output.json(&case);
        } else {
            match fault {
                None => self.output.line(format!("ok    {group}: {name}")),
                Some(fault) => {
                    let line = format!("\x1b[31mFAIL\x1b[0m  {group}: {name}: {fault}");
                    self.output.line(line);
                }
            }
        }
    }

    /// Something that was measured, beside the cases.
    pub(super) fn note(&mut self, group: &str, what: &str) {
        if self.json {
            self.output.json(&json!({"group": group, "note": what}));
        } else {
            self.output.line(format!("      {group}: {what}"));
        }
    }

    /// Cases that cannot be tried here.
    pub(super) fn skip(&mut self, group: &str, why: &str) {
        self.skipped += 1;
        if self.json {
            self.output.json(&json!({"group": group, "skipped": why}));
        } else {
            self.output.line(format!("skip  {group}: {why}"));
        }
    }

    /// The last line, and how the command ends.
    pub(super) fn end(self) -> Result<Done, Failure> {
        let (passed, failed, skipped) = (self.passed, self.failed, self.skipped);
        if self.json {
            let sum = json!({"passed": passed, "failed": failed, "skippedGroups": skipped});
            self.output.json(&sum);
        } else {
            self.output.line(format!(
                "{passed} passed, {failed} failed, {skipped} groups skipped"
            ));
        }
        if failed == 0 {
            Ok(Done)
        } else {
            Err(Failure::Told)
        }
    }
}
