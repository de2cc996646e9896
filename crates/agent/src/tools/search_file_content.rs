//! `search_file_content`: lines of files by a regular expression.

use async_trait::async_trait;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};
use llm::ToolSpec;
use model::Effect;
use sandbox::{FileError, Workspace, WorkspacePath};
use serde_json::{Value, json};

use super::arguments::{
    ArgumentError, required_text, text_argument, texts_or_one, truth, whole_number,
};
use super::tree::{Case, Ignored, files_below, globs, relative};
use super::{Tool, ToolContext, ToolOutcome};

/// A larger file is not searched.
const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;
/// Matches shown when the call does not say how many.
const DEFAULT_MATCHES: u64 = 100;
/// Characters of a line that are shown.
const MAX_LINE_CHARS: usize = 500;

#[derive(Debug)]
pub(super) struct SearchFileContent;

struct Request {
    matcher: RegexMatcher,
    directory: String,
    include: Vec<String>,
    exclude: Vec<String>,
    before: usize,
    after: usize,
    ignored: Ignored,
    shown: Shown,
    per_file: u64,
    total: u64,
}

/// What is shown of a file with matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Lines,
    NameOnly,
}

#[async_trait]
impl Tool for SearchFileContent {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "search_file_content".to_owned(),
            description: "Searches the text of files by a regular expression; shows path, line number and line.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "pattern": {"type": "string", "description": "The regular expression."},
                    "dir_path": {"type": "string", "description": "Where to look, relative to the workspace. Default: everywhere."},
                    "include": {"type": "string", "description": "Only files that match this glob, such as *.rs."},
                    "exclude_pattern": {"type": "string", "description": "No files that match this glob."},
                    "case_sensitive": {"type": "boolean", "description": "Default false."},
                    "fixed_strings": {"type": "boolean", "description": "The pattern is a plain text. Default false."},
                    "context": {"type": "integer", "description": "Lines shown before and after each match."},
                    "before": {"type": "integer", "description": "Lines shown before each match."},
                    "after": {"type": "integer", "description": "Lines shown after each match."},
                    "no_ignore": {"type": "boolean", "description": "Search what .gitignore names too. Default false."},
                    "names_only": {"type": "boolean", "description": "Show the names of the files only. Default false."},
                    "max_matches_per_file": {"type": "integer", "description": "Matches shown of one file at most."},
                    "total_max_matches": {"type": "integer", "description": "Matches shown in all at most. Default 100."},
                },
                "required": ["pattern"],
            }),
        }
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["grep_search"]
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let request = match read_arguments(args) {
            Ok(Ok(request)) => request,
            Ok(Err(error)) => return ToolOutcome::error(error),
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        match context
            .session
            .files(move |workspace| search(workspace, &request))
            .await
        {
            Ok(outcome) => outcome,
            Err(error) => ToolOutcome::error(error.to_string()),
        }
    }
}

fn read_arguments(args: &Value) -> Result<Result<Request, String>, ArgumentError> {
    let pattern = required_text(args, &["pattern"])?;
    let matcher = RegexMatcherBuilder::new()
        .case_insensitive(!truth(args, "case_sensitive")?.unwrap_or(false))
        .fixed_strings(truth(args, "fixed_strings")?.unwrap_or(false))
        .line_terminator(Some(b'\n'))
        // Bounds what a hostile pattern may cost.
        .size_limit(4 << 20)
        .dfa_size_limit(16 << 20)
        .build(pattern);
    let matcher = match matcher {
        Ok(matcher) => matcher,
        Err(error) => return Ok(Err(format!("The pattern is not valid: {error}"))),
    };
    let lines = |name| {
        Ok(whole_number(args, name)?.map(|number| usize::try_from(number.min(50)).unwrap_or(50)))
    };
    let context = lines("context")?.unwrap_or(0);
    let names_only = truth(args, "names_only")?.unwrap_or(false);
    let no_ignore = truth(args, "no_ignore")?.unwrap_or(false);
    Ok(Ok(Request {
        matcher,
        directory: text_argument(args, &["dir_path", "path"])
            .unwrap_or(".")
            .to_owned(),
        include: texts_or_one(args, &["include", "include_pattern"])?,
        exclude: texts_or_one(args, &["exclude_pattern", "exclude"])?,
        before: lines("before")?.unwrap_or(context),
        after: lines("after")?.unwrap_or(context),
        ignored: if no_ignore {
            Ignored::Included
        } else {
            Ignored::LeftOut
        },
        shown: if names_only {
            Shown::NameOnly
        } else {
            Shown::Lines
        },
        per_file: whole_number(args, "max_matches_per_file")?
            .unwrap_or(u64::MAX)
            .max(1),
        total: whole_number(args, "total_max_matches")?
            .unwrap_or(DEFAULT_MATCHES)
            .clamp(1, 10_000),
    }))
}

fn search(workspace: &Workspace, request: &Request) -> Result<ToolOutcome, FileError> {
    let start = WorkspacePath::parse(&request.directory)?;
    let sets = globs(&request.include, Case::Insensitive)
        .and_then(|include| Ok((include, globs(&request.exclude, Case::Insensitive)?)));
    let (include, exclude) = match sets {
        Ok(sets) => sets,
        Err(error) => return Ok(ToolOutcome::error(error)),
    };
    let (mut files, cut) = files_below(workspace, &start, request.ignored)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut found = Found {
        request,
        lines: Vec::new(),
        matches: 0,
    };
    for file in &files {
        let name = relative(&start, &file.path);
        let wanted = request.include.is_empty() || include.is_match(name);
        if !wanted || exclude.is_match(name) || file.stat.size_bytes > MAX_FILE_BYTES {
            continue;
        }
        // What disappears or changes meanwhile is passed over.
        if let Ok(bytes) = workspace.read(&file.path, MAX_FILE_BYTES) {
            found.search(file.path.as_str(), &bytes);
        }
        if found.matches >= request.total {
            found
                .lines
                .push(format!("… stopped after {} matches", found.matches));
            break;
        }
    }
    if cut {
        found
            .lines
            .push("… the tree is too large to be searched whole; give a dir_path".to_owned());
    }
    if found.lines.is_empty() {
        return Ok(ToolOutcome::Success("No line matches.".to_owned()));
    }
    Ok(ToolOutcome::Success(found.lines.join("\n")))
}

/// What was found so far.
struct Found<'a> {
    request: &'a Request,
    lines: Vec<String>,
    matches: u64,
}

impl Found<'_> {
    fn search(&mut self, path: &str, bytes: &[u8]) {
        let request = self.request;
        let mut searcher = SearcherBuilder::new()
            .binary_detection(BinaryDetection::quit(0))
            .before_context(request.before)
            .after_context(request.after)
            .line_number(true)
            .build();
        let limit = request.per_file.min(request.total - self.matches);
        let mut sink = FileSink {
            path,
            shown: request.shown,
            lines: Vec::new(),
            matches: 0,
            limit,
        };
        // The sink never fails, and a slice can always be read.
        let _ = searcher.search_slice(&request.matcher, bytes, &mut sink);
        self.matches += sink.matches;
        if request.shown == Shown::NameOnly && sink.matches > 0 {
            self.lines.push(path.to_owned());
        }
        self.lines.append(&mut sink.lines);
    }
}

struct FileSink<'a> {
    path: &'a str,
    shown: Shown,
    lines: Vec<String>,
    matches: u64,
    limit: u64,
}

impl FileSink<'_> {
    fn push(&mut self, number: Option<u64>, mark: char, bytes: &[u8]) {
        if self.shown == Shown::Lines {
            let text: String = String::from_utf8_lossy(bytes)
                .trim_end()
                .chars()
                .take(MAX_LINE_CHARS)
                .collect();
            self.lines.push(format!(
                "{}{mark}{}{mark}{text}",
                self.path,
                number.unwrap_or(0)
            ));
        }
    }
}

impl Sink for FileSink<'_> {
    type Error = std::io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        self.matches += 1;
        self.push(found.line_number(), ':', found.bytes());
        Ok(self.shown == Shown::Lines && self.matches < self.limit)
    }

    fn context(&mut self, _: &Searcher, context: &SinkContext<'_>) -> Result<bool, Self::Error> {
        self.push(context.line_number(), '-', context.bytes());
        Ok(true)
    }
}
