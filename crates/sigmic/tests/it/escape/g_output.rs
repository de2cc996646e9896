//! G: output.

use super::host;
use super::stand::{Stand, shell};
use super::table::{Column, Probe, run};

pub(super) const PROBES: &[Probe] = &[
    run("G1", "300 MB of output: the server's memory is bounded"),
    run("G2", "bytes that are no text"),
    run("G3", "escape sequences in the stream and at a terminal"),
    run("G4", "a line without an end"),
    run("G5", "output that is closed early"),
    run(
        "G6",
        "input ends at once; none can be pushed into a terminal",
    ),
];

const SCRIPTS: &[(&str, &str)] = &[("G6", "[ -z \"$(cat)\" ] && ./probe terminal")];

/// The largest that the server's memory was, in kB.
fn peak(stand: &Stand) -> u64 {
    let text = host::status(stand.server.pid(), "VmHWM");
    text.split(' ').next().unwrap().parse().unwrap()
}

pub(super) async fn attack(stand: &Stand, column: &mut Column) {
    let before = peak(stand);
    let calls = [
        shell("yes 0123456789012345678901234567890123456789 | head -c 300000000"),
        shell("printf 'a\\377\\376b\\000c\\355\\240\\200d\\n'"),
        shell("printf '\\033]0;title\\007\\033[2J\\033]52;c;eHh4\\007\\220\\233end\\n'"),
        shell("head -c 30000000 /dev/zero | tr '\\0' x"),
        shell("exec >&- 2>&-; echo nobody hears; exit 0"),
        shell("cat; echo next call"),
    ];
    let ran = stand.run(&calls).await;
    let grown = peak(stand).saturating_sub(before);
    column.check("G1", grown < 100_000, format!("{grown} kB more"));
    for (id, at) in [("G1", 0), ("G4", 3)] {
        let output = &ran.outputs[at];
        let cut = output.contains("bytes left out") && output.len() < 200_000;
        column.check(id, cut, format!("{} bytes", output.len()));
    }
    let text = &ran.outputs[1];
    let replaced = text.starts_with('a') && text.contains('\u{FFFD}') && text.contains('d');
    column.check("G2", replaced, text);
    // As JSON they are inert; whoever shows them decides.
    let inert = !ran.stream.contains(['\x1b', '\x07', '\u{90}', '\u{9b}']);
    column.check(
        "G3",
        inert && ran.outputs[2].contains("end"),
        &ran.outputs[2],
    );
    at_a_terminal(stand, &ran.id, column);
    column.check("G5", ran.statuses[4] == "success", &ran.outputs[4]);
    column.check(
        "G5",
        !ran.stream.contains("nobody hears\\n"),
        "it was heard",
    );
    column.check("G6", ran.outputs[5].contains("next call"), &ran.outputs[5]);
    stand.inside(column, SCRIPTS, &[]).await;
}

/// The program's own client prints nothing that a terminal would obey.
fn at_a_terminal(stand: &Stand, id: &str, column: &mut Column) {
    for words in [["tasks", "history", id], ["tasks", "get", id]] {
        let said = tokio::task::block_in_place(|| stand.home.say(&words));
        let inert = !said.out.contains(['\x1b', '\x07', '\u{90}', '\u{9b}']);
        column.check(
            "G3",
            said.code == Some(0) && inert && !said.out.is_empty(),
            format!("{said:?}"),
        );
    }
}
