//! Running commands.

use sandbox::{Ending, ExecRequest, WorkspacePath};

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

#[tokio::test]
async fn commands_at_the_same_time_keep_apart() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    let commands = (0..20).map(|number| {
        let sandbox = &*sandbox;
        async move {
            let script =
                format!("for i in 1 2 3; do echo {number}; sleep 0.01; done; exit {number}");
            (number, sh(sandbox, &script).await)
        }
    });
    for (number, result) in futures_util::future::join_all(commands).await {
        assert_eq!(result.ending, Ending::Exited(number));
        assert_eq!(result.output, format!("{number}\n").repeat(3));
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_command_starts_where_it_is_told_with_its_own_variables() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    out(&*sandbox, "mkdir -p a/b").await;
    let request = ExecRequest {
        cwd: WorkspacePath::parse("/workspace/a/b").unwrap(),
        env: vec![("NAME".to_owned(), "va lue".into())],
        ..ExecRequest::shell("pwd; echo \"$NAME\"; echo $HOME; cd /; export NAME=other")
    };
    let result = sandbox.exec(request).await.unwrap();
    assert_eq!(
        result.output,
        "/workspace/a/b\nva lue\n/workspace/.sigmic/home\n"
    );
    // Nothing of a command's own state is left for the next one.
    assert_eq!(
        out(&*sandbox, "pwd; echo \"[$NAME]\"").await,
        "/workspace\n[]\n"
    );
    sandbox.destroy().await.unwrap();
}
