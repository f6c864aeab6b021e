//! reqwest's settings are respected, as far as they may be.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use waldo_emulator::Hold;
use waldo_reqwest::reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use waldo_reqwest::reqwest::{self, Proxy};
use waldo_reqwest::{
    BuildError, Client, ClientBuilder, ConfigBuilder, Error, Reason, Refusal, Refused,
};

use crate::scripted::{Scripted, answer, grant, jwt};
use crate::site::{bounded, builder_over, call, client, credentials, emulator, reason, status};

fn server() -> Scripted {
    Scripted::start(|seen| if seen.is_login() { grant(&jwt(1)) } else { answer(200, "", "") })
}

#[test]
fn rule_01_login_carries_core_headers_without_authorization() {
    bounded(async {
        let server = server();
        assert_eq!(status(&client(server.origin())).await, 200);
        let [login] = server.seen_as("POST /authenticate").try_into().unwrap();
        assert_eq!(login.header("authorization"), None);
        assert_eq!(login.header("content-type"), Some("application/json"));
        assert_eq!(login.header("accept"), Some("application/json"));
        assert_eq!(
            login.header("user-agent"),
            Some(concat!("waldo-reqwest/", env!("CARGO_PKG_VERSION")))
        );
    });
}

/// reqwest adds its default headers to every request that has none of their names, and nothing can
/// take one away again. Of those that the core sets, the core's own are sent; of the token, only
/// the token.
#[test]
fn default_headers_replace_nothing_that_is_the_cores() {
    bounded(async {
        let server = server();
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic own"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert("x-own", HeaderValue::from_static("own"));
        let settings = reqwest::Client::builder().default_headers(headers);
        let client = builder_over(server.origin(), settings).build().unwrap();
        assert_eq!(status(&client).await, 200);
        let [login, called] = server.seen().try_into().unwrap();
        let count = |seen: &crate::scripted::Seen, name| {
            seen.headers.iter().filter(|(n, _)| n == name).count()
        };
        assert_eq!((called.bears(&jwt(1)), count(&called, "authorization")), (true, 1));
        assert_eq!(called.header("x-own"), Some("own"));
        assert_eq!(login.header("content-type"), Some("application/json"));
        // What the documentation warns of; this says when the warning can go.
        assert_eq!(login.header("authorization"), Some("Basic own"));
    });
}

#[test]
fn rule_03_an_authorization_of_the_callers_own_is_replaced() {
    bounded(async {
        let server = server();
        let client = client(server.origin());
        let request = client.get("/x").header(AUTHORIZATION, "Basic own").header("x-own", "own");
        assert_eq!(request.send().await.unwrap().status(), 200);
        let userinfo = server.origin().replace("http://", "http://me:own@");
        assert_eq!(client.get(format!("{userinfo}/x")).send().await.unwrap().status(), 200);
        for called in server.seen_as("GET /x") {
            let values: Vec<_> =
                called.headers.iter().filter(|(name, _)| name == "authorization").collect();
            assert_eq!((values.len(), called.bears(&jwt(1))), (1, true));
        }
        assert_eq!(server.seen_as("GET /x").len(), 2);
        assert_eq!(server.seen_as("GET /x")[0].header("x-own"), Some("own"));
    });
}

#[test]
fn rule_03_http_origin_uses_no_proxy() {
    bounded(async {
        let proxy = Scripted::start(|_| answer(200, "", ""));
        let through = || reqwest::Client::builder().proxy(Proxy::all(proxy.origin()).unwrap());
        let emulator = emulator();
        let client = builder_over(emulator.origin(), through()).build().unwrap();
        assert_eq!(status(&client).await, 200);
        assert!(proxy.seen().is_empty());
    });
}

/// reqwest without TLS sends what is meant for `https` to a proxy in clear, and so is not let near
/// it.
#[test]
fn rule_03_proxy_is_used_only_for_tunnels() {
    bounded(async {
        let proxy = Scripted::start(|_| answer(200, "", ""));
        let through = reqwest::Client::builder().proxy(Proxy::all(proxy.origin()).unwrap());
        let secure = builder_over("https://127.0.0.1:9", through)
            .limits(|limits| limits.failures_per_call(1));
        match secure.build() {
            Ok(client) => {
                call(&client).await.unwrap_err();
                let [asked] = proxy.seen().try_into().unwrap();
                assert_eq!((asked.line.as_str(), asked.body.len()), ("CONNECT 127.0.0.1:9", 0));
            }
            Err(error) => {
                assert!(matches!(error, BuildError::NoTls(_)), "{error:?}");
                assert!(error.to_string().contains("https://127.0.0.1:9 needs"), "{error}");
            }
        }
    });
}

#[test]
fn reqwest_timeout_is_default_for_each_attempt() {
    bounded(async {
        let emulator = emulator();
        let settings = reqwest::Client::builder().timeout(Duration::from_millis(50));
        let client = Client::builder(credentials())
            .origin(emulator.origin())
            .timeout(None)
            .client_builder(settings)
            .limits(|limits| limits.failures_per_call(1))
            .build()
            .unwrap();
        // A login has a limit of its own.
        emulator.hold(Hold::logins());
        let login = async {
            sleep(Duration::from_millis(60)).await;
            emulator.release_all();
        };
        let (token, ()) = tokio::join!(client.token(), login);
        drop(token.unwrap());
        assert_eq!(emulator.stats().server.logins(), 1);
        emulator.hold(Hold::calls());
        let error = call(&client).await.unwrap_err();
        assert!(matches!(&error, Error::Reqwest(error) if error.is_timeout()), "{error:?}");
        let patient = client.get("/customer?field=id").timeout(Duration::from_millis(100)).send();
        let began = Instant::now();
        let error = patient.await.unwrap_err();
        assert!(matches!(&error, Error::Reqwest(error) if error.is_timeout()), "{error:?}");
        assert!(began.elapsed() >= Duration::from_millis(100), "its own counts");
        emulator.release_all();
    });
}

#[test]
fn rule_02_read_timeout_is_reported_as_login_timeout() {
    bounded(async {
        let hanging =
            ["HTTP/1.1 200 Scripted\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 200 Scripted\r\n"];
        for answer in hanging {
            let server = Scripted::start(|_| answer.to_owned());
            let settings = reqwest::Client::builder().read_timeout(Duration::from_millis(50));
            let limits = |limits: ConfigBuilder| limits.failures_per_call(1);
            let client = builder_over(server.origin(), settings).limits(limits).build().unwrap();
            assert_eq!(reason(&call(&client).await.unwrap_err()), Reason::Timeout);
        }
    });
}

#[test]
fn a_client_without_settings_waits_at_most_a_minute() {
    bounded(async {
        let server = Scripted::start(|_| answer(429, "Retry-After: 61\r\n", ""));
        let client = Client::builder(credentials()).origin(server.origin()).build().unwrap();
        let answer = timeout(Duration::from_secs(10), call(&client)).await;
        let error = answer.expect("the call is refused at once").unwrap_err();
        let is_deadline = |refused: &Refused| matches!(refused.refusal, Refusal::Deadline { .. });
        assert!(matches!(&error, Error::Refused(refused) if is_deadline(refused)), "{error:?}");
    });
}

#[test]
fn a_call_takes_at_most_a_minute_by_default() {
    let timeout = |builder: &ClientBuilder| {
        let shown = format!("{builder:?}");
        shown.split("timeout: ").nth(1).unwrap().to_owned()
    };
    let builder = Client::builder(credentials());
    assert!(timeout(&builder).starts_with("Some(60s)"), "{builder:?}");
    let builder = builder.timeout(None);
    assert!(timeout(&builder).starts_with("None"), "{builder:?}");
}

#[test]
fn settings_that_make_no_client_say_so() {
    let settings = reqwest::Client::builder().user_agent("two\nlines");
    let error = builder_over("http://127.0.0.1:9", settings).build().unwrap_err();
    assert!(matches!(error, BuildError::Reqwest(_)), "{error:?}");
    assert!(
        error.to_string().starts_with("reqwest cannot make a client of its settings: "),
        "{error}"
    );
    let error =
        builder_over("http://api.waldo.ai", reqwest::Client::builder()).build().unwrap_err();
    assert!(matches!(error, BuildError::Config(_)), "{error:?}");
    assert!(error.to_string().contains("https"), "{error}");
}

#[test]
fn rule_03_a_request_goes_to_exactly_the_origin() {
    bounded(async {
        let server = server();
        let client = client(server.origin());
        let authority = server.origin().replace("http://", "");
        let port = server.port();
        let urls = [
            format!("http://{authority}/x"),
            format!("HTTP://{authority}/x"),
            format!("http://localhost:{port}/x"),
            format!("http://LocalHost:{port}/x"),
            format!("http://me@{authority}/x"),
            format!("http://me:own@{authority}/x"),
            format!("http://:own@localhost:{port}/x"),
            format!("http://127.1:{port}/x"),
            format!("http://0x7f000001:0{port}/x"),
        ];
        for url in &urls {
            let request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
            for response in [client.get(url).send().await, client.execute(request).await] {
                assert_eq!(
                    response.unwrap().url().as_str(),
                    format!("{}/x", server.origin()),
                    "{url}"
                );
            }
        }
        let seen = server.seen_as("GET /x");
        assert_eq!(seen.len(), 2 * urls.len());
        for seen in seen {
            assert_eq!(seen.header("host"), Some(&*authority));
            let values: Vec<_> =
                seen.headers.iter().filter(|(name, _)| name == "authorization").collect();
            assert_eq!((values.len(), seen.bears(&jwt(1))), (1, true));
        }
    });
}

/// reqwest rewrites hosts. So an origin is either spelled as reqwest spells it, or `build` refuses
/// it.
#[test]
fn rule_03_each_origin_spelling_works_or_is_refused() {
    let hosts = [
        "api.waldo.ai",
        "API.Waldo.AI",
        "api.waldo.ai.",
        "api.waldo.ai..",
        "%61pi.waldo.ai",
        "api%2ewaldo.ai",
        "api_2.waldo.ai",
        "-api.waldo.ai",
        "xn--bcher-kva.example",
        "XN--BCHER-KVA.example",
        "xn--zzzzzzzz.example",
        "xn--a.example",
        "localhost",
        "LOCALHOST.",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "2130706433",
        "127.0.0.01",
        "256.256.256.256",
        "1.2.3.4.5",
        "0",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000::0001]",
        "[::ffff:127.0.0.1]",
        "[::FFFF:7f00:1]",
        "[2001:DB8:0:0:1:0:0:1]",
        "[fe80::1%25eth0]",
    ];
    let (mut built, mut refused) = (0, 0);
    for host in hosts {
        for (scheme, port) in
            ["", ":", ":443", ":0443", ":80", ":0080", ":8787", ":08787", ":0", ":65535", ":65536"]
                .iter()
                .flat_map(|port| [("https", port), ("http", port)])
        {
            let origin = format!("{scheme}://{host}{port}");
            let client = match builder_over(&origin, reqwest::Client::builder()).build() {
                Ok(client) => client,
                // Where reqwest has TLS, it works.
                Err(BuildError::NoTls(_)) => continue,
                Err(_) => {
                    refused += 1;
                    continue;
                }
            };
            let request = client.get("/x?y=z").build().unwrap();
            let uri = request.url().as_str().parse().unwrap();
            assert!(client.origin().contains(&uri), "{origin}: {uri}");
            built += 1;
        }
    }
    assert!(built > 20 && refused > 20, "{built} built, {refused} refused");
}

#[test]
fn rule_03_an_origin_that_reqwest_rewrites_says_what_to_write() {
    for (origin, written) in
        [("https://0x7f.1", "https://127.0.0.1"), ("https://127.1:8443", "https://127.0.0.1:8443")]
    {
        let error = builder_over(origin, reqwest::Client::builder()).build().unwrap_err();
        assert!(matches!(error, BuildError::Rewritten { .. }), "{error:?}");
        assert!(error.to_string().contains(written), "{error}");
    }
}

/// Balancers close idle connections after a minute or less; reqwest would keep them for longer.
#[test]
fn default_client_keeps_idle_connections_15_seconds() {
    bounded(async {
        let server = server();
        let client = client(server.origin());
        assert_eq!(status(&client).await, 200);
        // A connection becomes idle a moment after its response was read.
        sleep(Duration::from_secs(1)).await;
        let opened = server.connections();
        assert_eq!((status(&client).await, server.connections()), (200, opened));
        sleep(Duration::from_secs(17)).await;
        assert_eq!((status(&client).await, server.connections()), (200, opened + 1));
    });
}
