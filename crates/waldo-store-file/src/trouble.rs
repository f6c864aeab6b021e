//! Why the files of a store cannot be used.

use std::io;
use std::path::Path;

use waldo_store::{StoreError, StoreProblem};

/// Why a file or a directory cannot be used.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Another user could change the file. The text says what is wrong and what to do.
    Unsafe(String),
    /// The system refused an operation.
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Trouble {
    /// The error of a store in this directory.
    pub(crate) fn into_error(self, directory: &Path) -> StoreError {
        let directory = directory.display();
        let error = match self {
            Self::Unsafe(text) => {
                let message = format!("the token store in {directory} is not safe: {text}");
                return StoreError::new(StoreProblem::Unsafe, message);
            }
            Self::Io(error) => error,
        };
        let (problem, advice) = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                (StoreProblem::Denied, "; choose a directory that this user can write")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (StoreProblem::Full, "; make room, or choose another directory")
            }
            _ => (StoreProblem::Other, ""),
        };
        let message = format!("the token store in {directory} cannot be used: {error}{advice}");
        StoreError::new(problem, message).with_source(error)
    }
}
