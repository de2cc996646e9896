//! The way to a workspace for a user who is neither root nor the server.
//!
//! Without an own root, commands reach their workspace by its path on the host. The server's
//! directories above it are closed to others; the users of sandboxes share a group, and that group
//! may pass: not list, not read.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Gid, chown};

/// Passing for the group, and for everybody else.
const GROUP_PASSES: u32 = 0o010;
const OTHERS_PASS: u32 = 0o001;

/// Lets `group` pass through every directory above `workspace`, changing only `own` and what is
/// below it.
///
/// # Errors
/// `PermissionDenied` when a directory above `own` is closed.
pub(super) fn open_way(workspace: &Path, own: Option<&Path>, group: u32) -> io::Result<()> {
    for directory in workspace.ancestors().skip(1) {
        let found = fs::metadata(directory)?;
        let mode = found.permissions().mode();
        let passes = mode & OTHERS_PASS != 0 || found.gid() == group && mode & GROUP_PASSES != 0;
        if passes {
            continue;
        }
        if !own.is_some_and(|own| directory.starts_with(own)) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{} is closed to other users", directory.display()),
            ));
        }
        chown(directory, None, Some(Gid::from_raw(group)))?;
        // The group had no rights to lose: whoever made the directory made it private.
        let mode = (mode & 0o7707) | GROUP_PASSES;
        fs::set_permissions(directory, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_the_servers_is_opened_and_only_for_passing() {
        if !rustix::process::geteuid().is_root() {
            // Nobody else can give a directory to a group of others.
            return;
        }
        let top = tempfile::TempDir::new().unwrap();
        let own = top.path().join("data");
        let workspace = own.join("workspaces/w");
        fs::create_dir_all(&workspace).unwrap();
        let private = |path: &Path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        };
        for path in [top.path(), &own, &own.join("workspaces"), &workspace] {
            private(path);
        }
        let error = open_way(&workspace, Some(&own), 77).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&top.path().display().to_string())
        );
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o711)).unwrap();
        open_way(&workspace, Some(&own), 77).unwrap();
        open_way(&workspace, Some(&own), 77).unwrap();
        for path in [&own, &own.join("workspaces")] {
            let found = fs::metadata(path).unwrap();
            assert_eq!((found.gid(), found.mode() & 0o777), (77, 0o710));
        }
        assert_eq!(fs::metadata(&workspace).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(top.path()).unwrap().mode() & 0o777, 0o711);
    }
}
