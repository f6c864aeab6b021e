//! A server, as its URL names it.

use std::error::Error;
use std::fmt;
#[cfg(unix)]
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use redis::{Cmd, Pipeline};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A host, by its name or its IP address, and a port.
    Tcp(String, u16),
    /// The path of a Unix socket.
    #[cfg(unix)]
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            #[cfg(unix)]
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A server, the login there, and the database.
pub(crate) struct Server {
    pub(crate) address: Address,
    pub(crate) is_tls: bool,
    user: Option<String>,
    password: Option<String>,
    database: u32,
}

impl Server {
    /// Reads a URL.
    pub(crate) fn from_url(text: &str) -> Result<Self, UrlError> {
        let url = redis::parse_redis_url(text).ok_or(UrlError::NOT_A_URL)?;
        if url.fragment().is_some() {
            return Err(UrlError("has a fragment: remove the # and what follows"));
        }
        let is_unix = url.scheme().ends_with("unix");
        let mut server = Self {
            address: if is_unix { unix(url.path())? } else { tcp(url.host_str(), url.port())? },
            is_tls: matches!(url.scheme(), "rediss" | "valkeys"),
            user: Some(decoded(url.username())?).filter(|user| !user.is_empty()),
            password: url.password().map(decoded).transpose()?,
            database: 0,
        };
        let path = url.path().trim_matches('/');
        if !is_unix && !path.is_empty() {
            server.database = database(path)?;
        }
        for (name, value) in url.query_pairs() {
            match &*name {
                "db" => server.database = database(&value)?,
                "user" => server.user = Some(value.into_owned()),
                "pass" => server.password = Some(value.into_owned()),
                "protocol" => {} // other clients choose between RESP2 and RESP3 with it
                _ => return Err(UrlError("has a parameter other than db, user, pass, protocol")),
            }
        }
        if server.user.is_some() && server.password.is_none() {
            return Err(UrlError(
                "has a user name and no password: write redis://user:password@host, or \
                 redis://:password@host",
            ));
        }
        Ok(server)
    }

    /// The commands that a new connection begins with. Each one must be answered with `OK`.
    pub(crate) fn greeting(&self) -> Pipeline {
        let mut greeting = Pipeline::new();
        if let Some(password) = &self.password {
            let mut auth = Cmd::new();
            auth.arg("AUTH").arg(self.user.as_deref()).arg(password);
            greeting.add_command(auth);
        }
        if self.database != 0 {
            greeting.cmd("SELECT").arg(self.database);
        }
        greeting
    }
}

// Never the user name, the password or the query.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)
    }
}

fn tcp(host: Option<&str>, port: Option<u16>) -> Result<Address, UrlError> {
    let host = host.filter(|host| !host.is_empty()).ok_or(UrlError("has no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok(Address::Tcp(decoded(host)?, port.unwrap_or(6379)))
}

#[cfg(unix)]
fn unix(path: &str) -> Result<Address, UrlError> {
    if matches!(path, "" | "/") {
        return Err(UrlError("has no path of a socket: write redis+unix:///path/to/socket"));
    }
    Ok(Address::Unix(decoded(path)?.into()))
}

#[cfg(not(unix))]
fn unix(_path: &str) -> Result<Address, UrlError> {
    Err(UrlError("names a Unix socket, which this system does not have"))
}

fn database(text: &str) -> Result<u32, UrlError> {
    text.parse().map_err(|_| UrlError("has a database that is no number"))
}

fn decoded(text: &str) -> Result<String, UrlError> {
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded.map_err(|_| UrlError("has a part that is not UTF-8"))?.into_owned())
}

/// Why a URL names no Redis server. The error shows no part of the URL.
///
/// ```
/// use waldo_store_redis::RedisStore;
///
/// let error = RedisStore::new("redis://user:password@host/first").unwrap_err();
/// assert_eq!(error.to_string(), "the URL of the Redis server has a database that is no number");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UrlError(pub(crate) &'static str);

impl UrlError {
    const NOT_A_URL: Self = Self(
        "cannot be read: write redis://user:password@host:6379/0, rediss:// for TLS, or \
         redis+unix:///path/to/socket, with %XX for special characters",
    );
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the URL of the Redis server {}", self.0)
    }
}

impl fmt::Debug for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> (String, String) {
        let server = Server::from_url(url).unwrap();
        let greeting = server.greeting().get_packed_pipeline();
        let words: Vec<_> = std::str::from_utf8(&greeting)
            .unwrap()
            .split("\r\n")
            .filter(|line| !line.is_empty() && !line.starts_with(['*', '$']))
            .collect();
        (server.address.to_string(), words.join(" "))
    }

    #[test]
    fn urls_name_the_server_the_login_and_the_database() {
        for (url, address, greeting) in [
            ("redis://host", "host:6379", ""),
            ("valkey://host:7000/", "host:7000", ""),
            (" redis://10.0.0.1/3\n", "10.0.0.1:6379", "SELECT 3"),
            ("redis://[::1]:7000/0", "[::1]:7000", ""),
            ("redis://:p%40ss@host", "host:6379", "AUTH p@ss"),
            ("redis://u%3Aser:p@host/1?protocol=resp3", "host:6379", "AUTH u:ser p SELECT 1"),
            ("redis://host?db=2", "host:6379", "SELECT 2"),
            ("rediss://:p@host", "host:6379", "AUTH p"),
        ] {
            assert_eq!(read(url), (address.to_owned(), greeting.to_owned()), "{url}");
        }
        assert!(Server::from_url("rediss://host").unwrap().is_tls);
        assert!(!Server::from_url("redis://host").unwrap().is_tls);
    }

    #[cfg(unix)]
    #[test]
    fn urls_name_unix_sockets() {
        for scheme in ["unix", "redis+unix", "valkey+unix"] {
            let url = format!("{scheme}:///run/a%20b?db=2&user=u&pass=p%26q");
            assert_eq!(read(&url), ("/run/a b".to_owned(), "AUTH u p&q SELECT 2".to_owned()));
        }
    }

    #[test]
    fn errors_show_no_part_of_the_url() {
        for (url, problem) in [
            ("canary:canary@canary", "cannot be read"),
            ("http://canary:canary@canary", "cannot be read"),
            ("redis://canary:canary@canary:port", "cannot be read"),
            ("redis://canary:canary@canary/canary", "a database that is no number"),
            ("redis://canary:canary@canary?canary=canary", "a parameter other than db"),
            ("redis://canary:canary@canary#insecure", "a fragment"),
            ("redis://canary@canary", "a user name and no password"),
            ("redis://canary:%ff@canary", "a part that is not UTF-8"),
            ("redis:///canary", "no host"),
            ("unix://", "no path"),
        ] {
            let error = Server::from_url(url).unwrap_err();
            assert!(error.to_string().contains(problem), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{url}: {error}");
        }
        let server = Server::from_url("redis://canary:canary@host?pass=canary").unwrap();
        assert_eq!(format!("{server:?}"), "host:6379");
    }
}
