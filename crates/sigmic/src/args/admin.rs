//! `sigmic admin …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct AdminArguments {
    #[command(subcommand)]
    pub(crate) command: AdminCommand,
    /// Print one JSON object (for lists an array)
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make organization, owner, default project and a key; safe to repeat
    #[command(after_help = "\
Prints a new key named `bootstrap` in the place of the one that it printed before, which stops
working, and a link with which the owner chooses a password, once; an older link stops working. Both
are shown this once.

Example:
  export SIGMIC_API_KEY=$(sigmic admin bootstrap --json | jq -r .apiKey)")]
    Bootstrap {
        /// Who owns the organization, if it is made now
        #[arg(long, value_name = "EMAIL", default_value = "owner@localhost")]
        owner: String,
    },
    /// Print a link with which a person chooses a new password, once
    #[command(after_help = "\
The link works for a day (a week for somebody without a password) and ends an older one; it is shown
this once. With --password-stdin the password is set at once, and the person is signed in nowhere.")]
    ResetPassword(ResetArguments),
    /// Take the second factor of a person away, who lost their device and recovery codes
    ResetSecondFactor {
        /// What they sign in with
        email: String,
    },
    /// Make a project
    CreateProject {
        /// Its name, unique in the organization
        #[arg(long)]
        name: String,
    },
    /// Make a key; it is shown this once
    #[command(after_help = "\
Example:
  sigmic admin create-key --project 0d7b3c52-1c1e-4a6f-8f6a-2f2f9d0d6a11 --name ci --expires 2027-01-01T00:00:00Z")]
    CreateKey {
        /// The project that a key of class `project` belongs to
        #[arg(long, value_name = "ID")]
        project: Option<String>,
        /// What the key is called
        #[arg(long)]
        name: String,
        /// From when on it does not work, as in 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// What kind of key
        #[arg(long, value_enum, default_value_t = ClassName::Project)]
        class: ClassName,
        /// What the key may do; may be repeated [default: all that its class may]
        #[arg(long = "scopes", value_name = "SCOPE", value_delimiter = ',')]
        scopes: Vec<String>,
    },
    /// List, disable, enable and revoke keys
    #[command(disable_help_subcommand = true)]
    Keys {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Make a widget app; its secret is shown this once
    #[command(after_help = "\
Your server exchanges the app's id and secret for tokens of its users; pages use these.

Example:
  sigmic admin create-widget-app --project 0d7b3c52-1c1e-4a6f-8f6a-2f2f9d0d6a11 --name shop \\
      --origin https://shop.example --origin 'https://*.shop.example'")]
    CreateWidgetApp {
        /// The project that its users' tasks run in
        #[arg(long, value_name = "ID")]
        project: String,
        /// What the app is called
        #[arg(long)]
        name: String,
        /// Pages that may use its tokens, as in the example, or *; may be repeated
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
    },
    /// List, rotate and revoke the keys that tokens are signed with
    #[command(disable_help_subcommand = true)]
    SigningKeys {
        #[command(subcommand)]
        command: SigningKeyCommand,
    },
    /// Set how much the organization may use in a month; what is not given is unlimited
    SetLimits(LimitsArguments),
    /// Set what a million tokens of a model cost, in dollars
    #[command(after_help = "\
What was used before keeps its cost.

Example:
  sigmic admin set-price --model anthropic/claude-sonnet-4-5 --input 3 --output 15 --cached 0.3")]
    SetPrice(PriceArguments),
    /// Check the audit log
    #[command(disable_help_subcommand = true)]
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Seal everything under a new master key, while no server runs
    #[command(after_help = "\
Without --new-key-file the server's own file (master.key in the data directory) gets a fresh key.
Where the key comes from elsewhere, write the new one to a file, name it here, and configure it
before the next start. Keys, tokens and passwords stay valid. On PostgreSQL stop every server first.")]
    RotateMasterKey {
        /// The new key: 64 hexadecimal characters
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
    },
    /// Bring the database's schema up to this version's
    Migrate,
    /// Write a consistent copy of the SQLite database to a new file, while the server runs
    #[command(after_help = "\
The copy holds neither the master key nor the workspaces: keep `master.key` apart from it, and copy
the directory `workspaces` with your own tool. PostgreSQL is backed up with pg_dump.")]
    Backup {
        /// The file, which must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ResetArguments {
    /// What the person signs in with
    pub(crate) email: String,
    /// Read the new password from the first line of the standard input instead
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the keys of the organization, or of one project
    List {
        /// Only keys of this project
        #[arg(long, value_name = "ID")]
        project: Option<String>,
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
        /// Why, for the records
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SigningKeyCommand {
    /// List the keys
    List,
    /// Let the next key sign from now on; tokens of the present one stay valid
    Rotate,
    /// Make every token that a key signed invalid at once
    Revoke {
        /// The key
        kid: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LimitsArguments {
    /// Tasks that may be made
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) tasks: Option<i64>,
    /// Tokens of requests and answers
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) tokens: Option<i64>,
    /// Dollars that they may cost
    #[arg(long, value_name = "USD")]
    pub(crate) cost_usd: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct PriceArguments {
    /// The model, as `provider/model`
    #[arg(long)]
    pub(crate) model: String,
    /// Of requests that the provider had not cached
    #[arg(long, value_name = "USD")]
    pub(crate) input: f64,
    /// Of answers
    #[arg(long, value_name = "USD")]
    pub(crate) output: f64,
    /// Of requests that it had cached
    #[arg(long, value_name = "USD")]
    pub(crate) cached: f64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Say whether an entry was changed, removed or moved; the server may run
    Verify,
}

/// A class of keys by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClassName {
    /// Runs tasks of one project
    Project,
    /// Changes settings of the organization; runs no tasks
    Management,
}

impl From<ClassName> for model::KeyClass {
    fn from(name: ClassName) -> Self {
        match name {
            ClassName::Project => Self::Project,
            ClassName::Management => Self::Management,
        }
    }
}
