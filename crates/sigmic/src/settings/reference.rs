//! The reference page of the settings.

use std::fmt::Write as _;

use super::table::{OIDC, SETTINGS, Shown, VARIABLES};

const INTRODUCTION: &str = "\
# Configuration

<!-- Made by `sigmic reference configuration`; a test fails when it is stale. -->

Every setting has a default. Over the defaults come the values of the configuration file, over these the environment, over these the flags.

The file is the one that `--config` or `SIGMIC_CONFIG` names, else `$XDG_CONFIG_HOME/sigmic/sigmic.toml` (`~/.config/sigmic/sigmic.toml`), else
`/etc/sigmic/sigmic.toml`; it need not exist. The working directory is never searched: a file there may be anybody's. A key with a dot stands in a section:

```toml
listen = \"127.0.0.1:8080\"
models = [\"openai/gpt-5\", \"demo/demo\"]

[sandbox]
network = \"none\"

[sandbox.limits]
memory_bytes = 536870912
```

A key that does not exist is an error which names the nearest one that does. A variable that begins with `SIGMIC_` and that nothing reads is a warning; one that is set to
nothing counts as not set. In the environment a list is separated by commas. Values of the settings marked *secret* are never shown or logged.

## Settings

| Key | Variable | Default | Meaning |
|---|---|---|---|
";

const SERVICES: &str = "
## Sign-in services

Each OpenID Connect provider at which people may sign in is a table of the file ([who is let in](../guide/single-sign-on.md#who-is-let-in)):

```toml
[[oidc]]
id = \"work\"
name = \"Work account\"
issuer = \"https://id.example.org/realms/work\"
client_id = \"sigmic\"
client_secret = \"…\"
allowed_domains = [\"example.org\"]
group_roles = { ops = \"admin\", \"*\" = \"member\" }
```

| Key | Meaning |
|---|---|
";

/// The page.
pub(crate) fn configuration_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for setting in SETTINGS {
        let secret = match setting.shown {
            Shown::Plain => "",
            Shown::Secret => " *Secret.*",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | `{}` | {} | {}{secret} |",
            setting.key, setting.variable, setting.default, setting.help
        );
    }
    page.push_str(SERVICES);
    for (key, help) in OIDC {
        let _ = writeln!(page, "| `{key}` | {help} |");
    }
    page.push_str("\n## Environment only\n\n| Variable | Meaning |\n|---|---|\n");
    for variable in VARIABLES {
        let _ = writeln!(page, "| `{}` | {} |", variable.name, variable.help);
    }
    page
}
