//! `sigmic projects|keys|widgets …`

use clap::{Args, Subcommand};

use super::{ClassName, ServerArguments};

/// What every command takes that changes settings over the API.
#[derive(Debug, Args)]
pub(crate) struct ManageArguments {
    /// Print JSON: the answer's `data` as the server sends it
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct ProjectsArguments {
    #[command(subcommand)]
    pub(crate) command: ProjectCommand,
    #[command(flatten)]
    pub(crate) common: ManageArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// List the projects of the organization
    List,
    /// Make a project
    Create {
        /// Its name, unique in the organization
        name: String,
    },
    /// Give a project another name
    Rename {
        /// The project
        id: String,
        /// Its new name
        name: String,
    },
}

/// Of which project.
#[derive(Debug, Args)]
pub(crate) struct OfProject {
    /// The project [default: the organization's default project]
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) project: Option<String>,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
    #[command(flatten)]
    pub(crate) of: OfProject,
    #[command(flatten)]
    pub(crate) common: ManageArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys of a project
    List,
    /// Make a key; it is shown this once
    #[command(after_help = "\
Example:
  export SIGMIC_API_KEY=$(sigmic keys create ci --expires 2027-01-01T00:00:00Z --json | jq -r .key)")]
    Create {
        /// What it is called
        name: String,
        /// From when on it does not work, as in 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// What kind of key
        #[arg(long, value_enum, default_value_t = ClassName::Project)]
        class: ClassName,
        /// What it may do; may be repeated [default: all that its class may]
        #[arg(long = "scopes", value_name = "SCOPE", value_delimiter = ',')]
        scopes: Vec<String>,
        /// A network that it may be used from; may be repeated [default: any]
        #[arg(long = "cidr", value_name = "NETWORK")]
        cidrs: Vec<String>,
        /// Requests a minute that it may make [default: the server's limit]
        #[arg(long, value_name = "NUMBER")]
        per_minute: Option<i64>,
    },
    /// Make a key stop working until it is enabled again
    Disable {
        /// The key
        id: String,
    },
    /// Make a disabled key work again
    Enable {
        /// The key
        id: String,
    },
    /// Make a key stop working for ever
    Revoke {
        /// The key
        id: String,
        #[command(flatten)]
        tasks: StopTasks,
    },
    /// Make a key in the place of another; both work for a while
    #[command(after_help = "\
Prints where the old key was used from: whoever still has to be given the new one.")]
    Rotate {
        /// The key to be replaced
        id: String,
        /// How long both work, in seconds [default: a day]
        #[arg(long, value_name = "SECONDS")]
        grace: Option<i64>,
    },
}

/// What becomes of running tasks.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct StopTasks {
    /// Cancel the tasks that are running
    #[arg(long)]
    pub(crate) stop_tasks: bool,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct WidgetsArguments {
    #[command(subcommand)]
    pub(crate) command: WidgetCommand,
    #[command(flatten)]
    pub(crate) of: OfProject,
    #[command(flatten)]
    pub(crate) common: ManageArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WidgetCommand {
    /// List the widget apps of a project
    List,
    /// Make a widget app; its secret is shown this once
    #[command(after_help = "\
Example:
  sigmic widgets create shop --origin https://shop.example --origin 'https://*.shop.example'")]
    Create {
        /// What it is called
        name: String,
        /// Pages that may use its tokens, as in the example, or *; may be repeated
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
    },
    /// Make every token of an app stop working until it is enabled again
    Disable {
        /// The app
        id: String,
    },
    /// Make a disabled app and its tokens work again
    Enable {
        /// The app
        id: String,
    },
    /// Delete an app with its end users and tokens
    Delete {
        /// The app
        id: String,
        #[command(flatten)]
        tasks: StopTasks,
    },
    /// Make another secret of an app; both work for a while
    RotateSecret {
        /// The app
        id: String,
        /// How long both work, in seconds [default: a day]
        #[arg(long, value_name = "SECONDS")]
        grace: Option<i64>,
    },
    /// List the tokens of an app that work
    Tokens {
        /// The app
        id: String,
    },
    /// Cut one token off
    RevokeToken {
        /// The app
        id: String,
        /// The token, by its id in the list
        session: String,
        #[command(flatten)]
        tasks: StopTasks,
    },
    /// Cut every token of an end user off
    RevokeUser {
        /// The app
        id: String,
        /// The end user, by your own name of them
        end_user: String,
        #[command(flatten)]
        tasks: StopTasks,
    },
    /// Cut an end user off and give them no more tokens
    BlockUser {
        /// The app
        id: String,
        /// The end user, by your own name of them
        end_user: String,
        #[command(flatten)]
        tasks: StopTasks,
    },
    /// Let a blocked end user get tokens again
    UnblockUser {
        /// The app
        id: String,
        /// The end user, by your own name of them
        end_user: String,
    },
}
