//! Running commands.

use sandbox::Ending;

use crate::rig::{Rig, out, sh};

#[tokio::test]
async fn a_command_runs_in_the_workspace() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    assert_eq!(
        out(&*sandbox, "echo hello; pwd; id -u").await,
        "hello\n/workspace\n1000\n"
    );
    let failed = sh(&*sandbox, "echo no >&2; exit 3").await;
    assert_eq!(
        (failed.ending, failed.output.as_str()),
        (Ending::Exited(3), "no\n")
    );
    let killed = sh(&*sandbox, "kill -9 $$").await;
    assert_eq!(killed.ending, Ending::Signaled(9));
    sandbox.destroy().await.unwrap();
    sandbox.destroy().await.unwrap();
}
