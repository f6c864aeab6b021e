//! A request before it is sent.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request, Response};

use crate::client::Client;
use crate::error::Error;

/// Builds a request of a [`Client`]. It wraps reqwest's builder, and [`send`](Self::send) sends the
/// request as a call of this client.
///
/// An invalid target, header or body is reported when the request is built or sent.
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
    /// Adds a header. The client replaces `Authorization`.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.map(|inner| inner.header(name, value))
    }

    /// Adds headers, which replace headers of the same names.
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

    /// Sets the body. Bytes and text can be sent again if a token is refused. A stream is sent
    /// once.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|inner| inner.body(body))
    }

    /// Bounds the whole call from its start: waiting for a login, sending, sending again, and
    /// reading the response.
    ///
    /// Default: the client's [`timeout`](crate::ClientBuilder::timeout). The client's
    /// [`max_wait`](crate::ClientBuilder::max_wait) bounds waiting as well.
    ///
    /// A login goes on after the timeout of its call, and its token serves later calls. To log in
    /// before the first call, use [`Client::token`].
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|inner| inner.timeout(timeout))
    }

    /// Changes the request with reqwest's builder, for example to send a form or several parts.
    ///
    /// ```no_run
    /// # async fn upload(client: &waldo_reqwest::Client) -> Result<(), waldo_reqwest::Error> {
    /// use waldo_reqwest::reqwest::Version;
    ///
    /// let request = client.get("/customer").map(|request| request.version(Version::HTTP_11));
    /// let response = request.send().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn map(
        self,
        change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Self {
        Self { inner: change(self.inner), ..self }
    }

    /// The request without a token, for [`Client::execute`] or another client.
    ///
    /// # Errors
    /// The target, a header or the body is invalid.
    pub fn build(self) -> Result<Request, Error> {
        Ok(self.inner.build()?)
    }

    /// Sends the request.
    ///
    /// A 3xx, a 4xx or a 5xx is returned as `Ok`, and a redirect is not followed. reqwest's
    /// `Response::error_for_status` turns a 4xx or 5xx into an error.
    ///
    /// # Errors
    /// See [`Error`]. A status is no error.
    pub async fn send(self) -> Result<Response, Error> {
        self.client.execute(self.inner.build()?).await
    }
}

/// Does not show the target and the headers, because they may hold secrets of the caller.
impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder").field("client", &self.client).finish_non_exhaustive()
    }
}
