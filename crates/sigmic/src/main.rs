//! `sigmic`: the server and its command line. This crate is used alone: it is the program. It puts
//! the parts together (settings, wiring, subcommands) and decides nothing about tasks.
//!
//! To add a subcommand: a variant in `args/`, a module in `commands/`, a line in [`run`].

mod args;
mod commands;
mod failure;
mod instance;
mod logging;
mod output;
mod settings;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Command, SelftestArguments, SelftestCommand};
use crate::failure::{Done, Failure};
use crate::output::Output;

fn main() -> ExitCode {
    // The first process of each sandbox is this program: nothing may come before this line.
    sandbox::dispatch_init();
    // Two cryptography providers are in the tree, so rustls cannot choose by itself. An error says
    // that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and versions come this way too. Where it cannot be printed nobody reads it.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let mut output = Output::standard();
    match run(arguments, &mut output) {
        Ok(Done) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments, output: &mut Output) -> Result<Done, Failure> {
    let Arguments { common, command } = arguments;
    match command {
        Command::Serve(serve) => commands::serve::run(common, serve, output),
        Command::Run(run) => commands::run::run(common, run, output),
        Command::Tasks(tasks) => commands::tasks::run(common, tasks, output),
        Command::Projects(projects) => commands::manage::projects::run(&common, projects, output),
        Command::Keys(keys) => commands::manage::keys::run(&common, keys, output),
        Command::Widgets(widgets) => commands::manage::widgets::run(&common, widgets, output),
        Command::Admin(admin) => commands::admin::run(common, admin, output),
        Command::Scan(scan) => commands::scan::run(&scan, output),
        Command::Selftest(SelftestArguments { command }) => match command {
            SelftestCommand::Auth(auth) => commands::selftest::auth::run(&common, &auth, output),
        },
        Command::Doctor(doctor) => commands::doctor::run(common, doctor, output),
        Command::Openapi => commands::print::openapi(output),
        Command::Completions(completions) => commands::print::completions(&completions, output),
        Command::Reference(reference) => commands::print::reference(&reference, output),
    }
}
