//! Which commands a shell text would run, found by a parser of bash, never by splitting on spaces.

use std::collections::BTreeSet;

use tree_sitter::{Node, Parser};

/// Programs that run what their arguments say: approving one use says nothing about another.
const RUNS_ITS_ARGUMENTS: [&str; 83] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "fish",
    "busybox",
    "pwsh",
    "python",
    "python3",
    "perl",
    "ruby",
    "node",
    "nodejs",
    "deno",
    "bun",
    "php",
    "lua",
    "awk",
    "gawk",
    "mawk",
    "sed",
    "ed",
    "ex",
    "vi",
    "vim",
    "emacs",
    "tclsh",
    "expect",
    "Rscript",
    "java",
    "gdb",
    "env",
    "xargs",
    "sudo",
    "su",
    "doas",
    "nohup",
    "nice",
    "ionice",
    "chrt",
    "taskset",
    "time",
    "timeout",
    "setsid",
    "stdbuf",
    "flock",
    "chroot",
    "unshare",
    "nsenter",
    "setpriv",
    "runuser",
    "strace",
    "ltrace",
    "script",
    "exec",
    "eval",
    "source",
    ".",
    "command",
    "builtin",
    "trap",
    "alias",
    "mapfile",
    "readarray",
    "enable",
    "hash",
    "find",
    "parallel",
    "ssh",
    "make",
    "watch",
    "npm",
    "npx",
    "pnpm",
    "yarn",
    "uv",
    "uvx",
    "pipx",
    "go",
    "cargo",
    "tsx",
    "ts-node",
];

/// Bytes of a text that is parsed at most: nobody judges a longer one by its root commands.
const MAX_PARSED_BYTES: usize = 64 * 1024;

/// The root commands of `text`, or `None` when only the exact text may be compared: it cannot be
/// parsed, defines or assigns what changes other commands, or runs an interpreter or a wrapper.
pub(crate) fn root_commands(text: &str) -> Option<BTreeSet<String>> {
    if text.len() > MAX_PARSED_BYTES {
        return None;
    }
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_bash::LANGUAGE.into())
        .ok()?;
    let tree = parser.parse(text, None)?;
    if tree.root_node().has_error() {
        return None;
    }
    collect(tree.root_node(), text).filter(|roots| !roots.is_empty())
}

/// Walks without recursion: the text is the model's, and may be nested as deep as it is long.
fn collect(root: Node<'_>, text: &str) -> Option<BTreeSet<String>> {
    let mut roots = BTreeSet::new();
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        match node.kind() {
            "function_definition"
            | "variable_assignment"
            | "declaration_command"
            | "unset_command"
            | "file_redirect"
            | "heredoc_redirect"
            | "herestring_redirect" => return None,
            "command" => {
                let name = node.child_by_field_name("name")?;
                roots.insert(plain_word(name, text)?);
            }
            _ => {}
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return Some(roots);
            }
        }
    }
}

/// A command's name if it is one literal word and no wrapper.
fn plain_word(name: Node<'_>, text: &str) -> Option<String> {
    let word = text.get(name.byte_range())?;
    let literal = !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-/+".contains(&b));
    let base = word.rsplit('/').next().unwrap_or(word);
    // Versioned interpreters (python3.11) run their arguments too.
    let unversioned = base.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let runs = |name: &str| RUNS_ITS_ARGUMENTS.contains(&name);
    (literal && !runs(base) && !runs(unversioned)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_a_text_is_found() {
        let roots = |text| root_commands(text).map(|roots| roots.into_iter().collect::<Vec<_>>());
        let some = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(roots("ls -la"), some(&["ls"]));
        assert_eq!(
            roots("cd a && git status | grep x"),
            some(&["cd", "git", "grep"])
        );
        assert_eq!(
            roots("echo $(rm x) `touch y`"),
            some(&["echo", "rm", "touch"])
        );
        assert_eq!(roots("if true; then rm x; fi"), some(&["rm", "true"]));
        assert_eq!(roots("/bin/ls"), some(&["/bin/ls"]));
        for exact in [
            "python3.11 x",
            "$CMD x",
            "PATH=/x ls",
            "ls > x",
            "f() { rm x; }; f",
            "'l's",
            "npm test",
            "stdbuf -o0 ls",
            "ls '",
            "",
        ] {
            assert_eq!(roots(exact), None, "{exact}");
        }
    }

    #[test]
    fn a_text_nested_as_deep_as_it_is_long_is_walked() {
        let nested = |depth: usize| format!("{}b{}", "a $(".repeat(depth), ")".repeat(depth));
        let found = root_commands(&nested(10)).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        // A stack of this size would not hold a frame for each level.
        let deep = std::thread::Builder::new().stack_size(256 * 1024);
        let walked = deep.spawn(move || root_commands(&nested(12_000)));
        assert!(walked.unwrap().join().unwrap().is_some());
        assert_eq!(
            root_commands(&format!("ls {}", "a".repeat(64 * 1024))),
            None
        );
    }
}
