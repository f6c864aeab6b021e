//! A request on its way to being sent.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request, Response};

use crate::client::Client;
use crate::error::Error;

/// A request that a [`Client`] is about to send: reqwest's own builder, whose `send` is this
/// client's.
///
/// What is wrong with its target, its headers or its body is told when it is built or sent.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    inner: reqwest::RequestBuilder,
}

impl Client {
    /// A `GET` of a path such as `/customer`, or of a URL of the client's origin.
    pub fn get(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, target)
    }

    /// A `POST` to a path such as `/onboard`, or to a URL of the client's origin.
    pub fn post(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, target)
    }

    /// A `PUT` to a path, or to a URL of the client's origin.
    pub fn put(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, target)
    }

    /// A `PATCH` of a path, or of a URL of the client's origin.
    pub fn patch(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, target)
    }

    /// A `DELETE` of a path, or of a URL of the client's origin.
    pub fn delete(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, target)
    }

    /// A `HEAD` of a path, or of a URL of the client's origin.
    pub fn head(&self, target: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, target)
    }

    /// A request of any method, to a path that begins with `/`, or to a URL of the client's origin.
    pub fn request(&self, method: Method, target: impl AsRef<str>) -> RequestBuilder {
        let target = target.as_ref();
        let inner = if target.starts_with('/') {
            self.http().request(method, format!("{}{target}", self.origin()))
        } else {
            self.http().request(method, target)
        };
        RequestBuilder { client: self.clone(), inner }
    }
}

impl RequestBuilder {
    /// Adds a header. `Authorization` is the client's own and will be replaced.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.map(|inner| inner.header(name, value))
    }

    /// Adds headers, in place of those that have the same names.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.map(|inner| inner.headers(headers))
    }

    /// Adds pairs to the query, such as `&[("field", "id")]`.
    #[cfg(feature = "query")]
    pub fn query<T: serde::Serialize + ?Sized>(self, query: &T) -> Self {
        self.map(|inner| inner.query(query))
    }

    /// Sets the body to a value as JSON, with `Content-Type: application/json` unless another is
    /// set.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, value: &T) -> Self {
        self.map(|inner| inner.json(value))
    }

    /// Sets the body. Bytes and text can be sent again when a token is refused; a stream is sent
    /// once.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|inner| inner.body(body))
    }

    /// Bounds the whole call from when it is sent: waiting for a login, sending, sending again,
    /// reading the answer.
    ///
    /// Default: the client's [`timeout`](crate::ClientBuilder::timeout), which this replaces.
    /// Waiting is bounded by the client's [`max_wait`](crate::ClientBuilder::max_wait) as well.
    ///
    /// A login goes on when the timeout of its call is over, and brings its token for later calls.
    /// To have a token before the first call, log in ahead with [`Client::token`].
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|inner| inner.timeout(timeout))
    }

    /// Whatever else reqwest's builder can do, such as a form or several parts.
    ///
    /// ```no_run
    /// # async fn upload(client: &waldo_reqwest::Client) -> Result<(), waldo_reqwest::Error> {
    /// use waldo_reqwest::reqwest::Version;
    ///
    /// let response = client.get("/customer").map(|request| request.version(Version::HTTP_11)).send().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn map(
        self,
        change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Self {
        Self { inner: change(self.inner), ..self }
    }

    /// The request, for [`Client::execute`] or for somebody else. It carries no token.
    ///
    /// # Errors
    /// What is wrong with its target, its headers or its body.
    pub fn build(self) -> Result<Request, Error> {
        Ok(self.inner.build()?)
    }

    /// Sends it.
    ///
    /// A 3xx, a 4xx or a 5xx is an answer like any other; reqwest's `Response::error_for_status`
    /// makes an error of the latter two. A redirect is not followed.
    ///
    /// # Errors
    /// See [`Error`]; no status is one.
    pub async fn send(self) -> Result<Response, Error> {
        self.client.execute(self.inner.build()?).await
    }
}

/// The target and the headers stay out of it: they may hold secrets of the caller's.
impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder").field("client", &self.client).finish_non_exhaustive()
    }
}
