//! The store in which the token is kept between runs.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use waldo_auth_core::{Config, Explanation, Now, Session, Snapshot};
use waldo_store::{Ask, Claim, Key, Member, Store, StoreError};
use waldo_store_file::FileStore;
use waldo_ureq::{Credentials, Origin};

use crate::exit::Exit;
use crate::failure::Failure;

/// Which store is used.
#[derive(Clone)]
pub(crate) enum Choice {
    /// None: each run logs in.
    Off,
    /// Files in the platform's place.
    User,
    /// Files in this directory.
    Directory(PathBuf),
    /// A server.
    #[cfg(feature = "redis")]
    Redis(Arc<waldo_store_redis::RedisStore>),
}

impl Choice {
    /// Reads the value of the setting.
    ///
    /// # Errors
    /// The text names no store. The error does not show the text, because a URL may have a
    /// password.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, String> {
        let known = text.to_str().unwrap_or_default();
        match known {
            "none" => return Ok(Self::Off),
            "file" => return Ok(Self::User),
            _ => {}
        }
        if known.contains("://") {
            return Self::of_url(known);
        }
        let path = PathBuf::from(text);
        let is_path = path.is_absolute() || path.components().count() > 1 || path.starts_with(".");
        if is_path { Ok(Self::Directory(path)) } else { Err("this is no store".to_owned()) }
    }

    /// Whether the text is a URL with a password: behind a user name, or as a parameter.
    pub(crate) fn has_password(text: &OsStr) -> bool {
        let text = text.to_string_lossy();
        let Some((_, rest)) = text.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let login = authority.rsplit_once('@').map(|(login, _)| login);
        let parameters = rest.split(['?', '&']).skip(1);
        login.is_some_and(|login| login.contains(':'))
            || parameters.into_iter().any(|parameter| parameter.starts_with("pass="))
    }

    #[cfg(feature = "redis")]
    fn of_url(url: &str) -> Result<Self, String> {
        let store = waldo_store_redis::RedisStore::new(url);
        store.map(Arc::new).map(Self::Redis).map_err(|error| error.to_string())
    }

    #[cfg(not(feature = "redis"))]
    fn of_url(_: &str) -> Result<Self, String> {
        Err("this program was built without the feature redis".to_owned())
    }

    /// Whether asking the store is a request to another machine.
    pub(crate) fn is_remote(&self) -> bool {
        match self {
            Self::Off | Self::User | Self::Directory(_) => false,
            #[cfg(feature = "redis")]
            Self::Redis(_) => true,
        }
    }

    /// Opens the store; `None` for [`Choice::Off`].
    ///
    /// # Errors
    /// The store cannot be used at all. Then a program goes on without one.
    pub(crate) fn open(&self) -> Result<Option<Arc<dyn Store>>, StoreError> {
        Ok(Some(match self {
            Self::Off => return Ok(None),
            Self::User => Arc::new(FileStore::for_user()?),
            Self::Directory(directory) => Arc::new(FileStore::new(directory)),
            #[cfg(feature = "redis")]
            Self::Redis(store) => Arc::<waldo_store_redis::RedisStore>::clone(store),
        }))
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("none"),
            Self::User => match FileStore::for_user() {
                Ok(store) => write!(f, "files in {}", store.directory().display()),
                Err(_) => f.write_str("files"),
            },
            Self::Directory(directory) => {
                write!(f, "files in {}", FileStore::new(directory).directory().display())
            }
            #[cfg(feature = "redis")]
            Self::Redis(store) => write!(f, "{store:?}"),
        }
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a store holds for a key pair, seen without a login.
#[derive(Debug)]
pub(crate) struct Sight {
    /// The explanation of the next call.
    pub(crate) next: Next,
    /// The stored token.
    pub(crate) token: Option<Snapshot>,
    /// Why the store cannot be used.
    pub(crate) problem: Option<StoreError>,
}

#[derive(Debug)]
pub(crate) enum Next {
    Explained(Explanation),
    /// Another program logs in at the moment.
    OtherLogsIn,
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Explained(explanation) => explanation.fmt(f),
            Self::OtherLogsIn => {
                f.write_str("the next call would wait for another program, which logs in")
            }
        }
    }
}

/// A session that asks a store what a call would do, and makes no request itself.
pub(crate) struct Observer {
    session: Session,
    member: Member,
    now: Now,
}

impl Observer {
    pub(crate) fn new(origin: &Origin, credentials: Credentials) -> Result<Self, Failure> {
        let config = Config::builder(origin.to_string(), credentials).build();
        let config = config.map_err(|error| Failure::usage(error.to_string()))?;
        let session = Session::new(config);
        // The seed spreads the polls of programs that wait. This one does not wait.
        let member = Member::of(&session, 0);
        Ok(Self { session, member, now: Now::new(Duration::ZERO, SystemTime::now()) })
    }

    /// Looks into the store. A claim that would write ends here, so nothing is changed.
    pub(crate) fn look(mut self, store: Option<&dyn Store>) -> Sight {
        let mut problem = None;
        let mut next = None;
        if let Some(store) = store {
            self.member.join(&mut self.session, self.now);
            let (mut claim, _) = self.claim();
            let answer = store.read(claim.key());
            problem = answer.as_ref().err().cloned();
            match claim.read(&mut self.member, &mut self.session, answer, self.now) {
                Ask::Failed(failure) => self.session.adopt_failure(&failure, self.now),
                Ask::Wait(_) => next = Some(Next::OtherLogsIn),
                Ask::Read | Ask::Replace(_) | Ask::LogIn | Ask::Resumed => {}
            }
        }
        let explanation = || Next::Explained(self.session.explain(self.now));
        Sight {
            next: next.unwrap_or_else(explanation),
            token: self.session.snapshot(self.now),
            problem,
        }
    }

    /// Removes the token from the store.
    pub(crate) fn forget(mut self, store: &dyn Store) -> Result<(), Failure> {
        let (claim, _) = self.claim();
        // Another program may replace the document in between.
        for _ in 0..TRIES {
            if forget(store, claim.key()).map_err(unforgotten)? {
                return Ok(());
            }
        }
        Err(Failure::new(Exit::Other, "the store keeps its token")
            .because("other programs replace it all the time"))
    }

    fn claim(&mut self) -> (Claim, Ask) {
        Claim::begin(&mut self.member, &mut self.session, Duration::ZERO, self.now)
    }
}

const TRIES: u32 = 5;

fn unforgotten(error: StoreError) -> Failure {
    Failure::new(Exit::Other, "the store keeps its token").because(error)
}

/// Replaces the document by an empty one. Returns whether it was replaced.
fn forget(store: &dyn Store, key: &Key) -> Result<bool, StoreError> {
    match store.read(key)?.document {
        Some(document) if !document.is_empty() => {
            store.replace(key, Some(&document), &[], Duration::from_secs(1))
        }
        _ => Ok(true),
    }
}
