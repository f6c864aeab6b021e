//! Why the files of a store cannot be used.

use std::io::{self, ErrorKind};
use std::path::Path;

use waldo_store::{StoreError, StoreProblem};

const DENIED: [ErrorKind; 2] = [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem];
const FULL: [ErrorKind; 2] = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded];

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
        let kind = error.kind();
        let (problem, advice) = if DENIED.contains(&kind) {
            (StoreProblem::Denied, "; choose a directory that this user can write")
        } else if FULL.contains(&kind) {
            (StoreProblem::Full, "; make room, or choose another directory")
        } else {
            (StoreProblem::Other, "")
        };
        let message = format!("the token store in {directory} cannot be used: {error}{advice}");
        StoreError::new(problem, message).with_source(error)
    }
}
