//! A request before it is sent.

use std::fmt;
use std::io;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
#[cfg(feature = "multipart")]
use reqwest::multipart::Form;
use reqwest::{Body, Method, Request, Response};

use crate::client::Client;
use crate::error::Error;
use crate::payload::Payload;

/// Builds a request of a [`Client`]. It wraps reqwest's builder, and [`send`](Self::send) sends the
/// request as a call of this client.
///
/// An invalid target, header or body is reported when the request is built or sent.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    inner: reqwest::RequestBuilder,
    payload: Payload,
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
        RequestBuilder { client: self.clone(), inner, payload: Payload::Own }
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
    /// once, so make it with a [body factory](Self::body_factory) if you can.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|inner| inner.body(body))
    }

    /// Sets a body that a closure makes anew for each sending, such as a file that is opened again.
    /// So even a stream can be sent again if a token is refused.
    ///
    /// The factory replaces the body. If you know the length of the body, add a `Content-Length`.
    /// Otherwise the body goes out in chunks. An error of the closure ends the call as
    /// [`Error::Body`].
    ///
    /// ```no_run
    /// # async fn upload(client: &waldo_reqwest::Client) -> Result<(), waldo_reqwest::Error> {
    /// # #[cfg(feature = "stream")]
    /// let request = client
    ///     .post("/document")
    ///     .header("content-type", "application/pdf")
    ///     .body_factory(|| tokio::fs::File::open("passport.pdf"));
    /// # #[cfg(not(feature = "stream"))]
    /// # let request = client.post("/document").body_factory(|| async { Ok("passport") });
    /// let response = request.send().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn body_factory<F, B>(self, make: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<B>> + Send + 'static,
        B: Into<Body>,
    {
        Self { payload: Payload::of_bodies(make), ..self }
    }

    /// Sets a multipart form as the body. A form is sent once, so make it with a
    /// [factory](Self::multipart_factory) if you can.
    #[cfg(feature = "multipart")]
    pub fn multipart(self, form: Form) -> Self {
        self.map(|inner| inner.multipart(form))
    }

    /// Sets a multipart form that a closure makes anew for each sending, so that the form can be
    /// sent again if a token is refused.
    ///
    /// The factory replaces the body, its `Content-Type` and its `Content-Length`. An error of the
    /// closure ends the call as [`Error::Body`].
    ///
    /// ```no_run
    /// # async fn upload(client: &waldo_reqwest::Client) -> Result<(), waldo_reqwest::Error> {
    /// use waldo_reqwest::reqwest::multipart::{Form, Part};
    ///
    /// let form = || async {
    ///     let document = tokio::fs::read("passport.pdf").await?;
    ///     Ok(Form::new().text("type", "passport").part("document", Part::bytes(document)))
    /// };
    /// let response = client.post("/document").multipart_factory(form).send().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "multipart")]
    pub fn multipart_factory<F>(self, make: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<Form>> + Send + 'static,
    {
        let payload = Payload::of_forms(self.client.http().clone(), make);
        Self { payload, ..self }
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
    /// The target, a header or the body is invalid, or the body comes from a factory: only
    /// [`send`](Self::send) asks a factory.
    pub fn build(self) -> Result<Request, Error> {
        if self.payload.is_factory() {
            let why = "a reqwest request cannot hold a body factory; use `send`";
            return Err(Error::Body(io::Error::new(io::ErrorKind::Unsupported, why)));
        }
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
        let mut request = self.inner.build()?;
        if self.payload.is_factory() {
            *request.body_mut() = None;
        }
        self.client.send(request, self.payload).await
    }
}

/// Does not show the target and the headers, because they may hold secrets of the caller.
impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder").field("client", &self.client).finish_non_exhaustive()
    }
}
