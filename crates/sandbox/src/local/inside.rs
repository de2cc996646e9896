//! Where commands find things: what differs between the tiers as seen from inside.

use std::path::{Path, PathBuf};

use crate::{SandboxError, Tier, Workspace, WorkspacePath};

/// The workspace where there is an own root.
const WORKSPACE: &str = "/workspace";
/// Temporary files where there is none.
const OWN_TMP: &str = ".sigmic/tmp";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inside {
    /// The workspace.
    pub(super) workspace: String,
    /// Temporary files.
    pub(super) tmp: String,
}

impl Inside {
    /// Of a sandbox of `tier` over `workspace`; makes what is missing there.
    ///
    /// # Errors
    /// When the workspace's path is not UTF-8, or its own directory for temporary files cannot be
    /// made.
    pub(super) fn new(tier: Tier, workspace: &Workspace) -> Result<Self, SandboxError> {
        match tier {
            Tier::Native => Ok(Self {
                workspace: WORKSPACE.to_owned(),
                tmp: "/tmp".to_owned(),
            }),
            Tier::Landlock | Tier::None => {
                let path = absolute(workspace.host_path())?;
                let path = path.to_str().ok_or(SandboxError::Invalid(
                    "the path of a workspace must be UTF-8 where there is no own root",
                ))?;
                workspace.create_directory(&WorkspacePath::parse(OWN_TMP)?)?;
                Ok(Self {
                    workspace: path.to_owned(),
                    tmp: format!("{path}/{OWN_TMP}"),
                })
            }
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, SandboxError> {
    std::path::absolute(path).map_err(SandboxError::io("finding the workspace's path"))
}
