//! What is printed from the code alone: the OpenAPI document, completions, reference pages.

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::args::{Arguments, CompletionsArguments, Page, ReferenceArguments};
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::settings::configuration_page;

/// `sigmic openapi`.
pub(crate) fn openapi(output: &mut Output) -> Result<Done, Failure> {
    let document = serde_json::to_string_pretty(&http_api::openapi())
        .context("write the OpenAPI document as JSON")?;
    output.line(document);
    Ok(Done)
}

/// `sigmic completions SHELL`.
pub(crate) fn completions(
    arguments: &CompletionsArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "sigmic",
        &mut script,
    );
    output.piece(&String::from_utf8_lossy(&script));
    Ok(Done)
}

/// `sigmic reference PAGE`.
pub(crate) fn reference(
    arguments: &ReferenceArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    output.piece(&match arguments.page {
        Page::Configuration => configuration_page(),
        Page::CommandLine => command_line_page(),
    });
    Ok(Done)
}

const COMMAND_LINE: &str = "\
# Command line

<!-- Made by `sigmic reference command-line`; a test fails when it is stale. -->

One program is the server and what calls it. `run` and `tasks` go over the API, like any other client: with the key in `cli.key` of the data directory, or with
`SIGMIC_API_KEY` and `SIGMIC_BASE_URL`; `projects`, `keys`, `widgets` and `selftest auth` with the one in `cli-management.key`, or with `SIGMIC_MANAGEMENT_KEY`. `admin` talks to the database, beside a running server too. Results go to standard output, everything about them to standard error;
colours and live progress appear on a terminal only, and never with `NO_COLOR`.

The settings are in [configuration](../reference/configuration.md), the API on the page `/docs` of a running server.
";

/// Every subcommand's `--help`.
fn command_line_page() -> String {
    let mut page = COMMAND_LINE.to_owned();
    let mut root = Arguments::command();
    root.build();
    describe(&mut root, &mut page);
    page
}

fn describe(command: &mut clap::Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or("sigmic").to_owned();
    let help = command.render_long_help().to_string();
    let help: String = help
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    page.push_str(&format!("\n## {name}\n\n```text\n{help}```\n"));
    for inner in command.get_subcommands_mut() {
        if !inner.is_hide_set() {
            describe(inner, page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(path: &str) -> String {
        let path = format!("{}/../../docs/{path}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_pages_are_fresh() {
        let stale = "made from the code: run `sigmic reference …` again";
        assert!(
            kept("reference/configuration.md") == configuration_page(),
            "{stale}"
        );
        assert!(
            kept("guide/command-line.md") == command_line_page(),
            "{stale}"
        );
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
