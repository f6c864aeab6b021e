//! A token endpoint on loopback, for a client that takes tokens from an endpoint only.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::login::Logins;

/// An open endpoint. Dropping it closes the endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Endpoint {
    /// Opens an endpoint on the runtime of the caller.
    pub(crate) fn open(logins: Arc<Logins>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let accepting = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection, Arc::clone(&logins)));
            }
        });
        Self { address, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers one request, and closes the connection.
async fn answer(mut connection: TcpStream, logins: Arc<Logins>) -> io::Result<()> {
    let mut request = Vec::new();
    // The body is a flat JSON object, so the first closing brace ends the request.
    while !request.ends_with(b"}") {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (token, lifetime) = (logins.make().await, logins.lifetime().as_secs());
    let body = format!(r#"{{"access_token":"{token}","expires_in":{lifetime},"token_type":"Bearer"}}"#);
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    connection.write_all(format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes()).await
}
