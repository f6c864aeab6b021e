//! A request goes to exactly the client's origin, even if the caller spells the URI oddly (rule 3).

use waldo_adapter_tests::Scripted;
use waldo_ureq::http::Request;
use waldo_ureq::http::uri::{PathAndQuery, Scheme, Uri};
use waldo_ureq::ureq::{Agent, Proxy};
use waldo_ureq::{Client, Error};

use crate::site::{bounded, credentials, settings};

fn uri(scheme: &str, authority: &str) -> Uri {
    let path = PathAndQuery::from_static("/customer?field=id");
    Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build().unwrap()
}

/// A client by settings and one by an agent, each with a proxy or without.
fn clients(origin: &str, proxy: Option<&Scripted>) -> [Client; 2] {
    let proxy = proxy.map(|proxy| Proxy::new(&proxy.origin()).unwrap());
    let config = || settings().proxy(proxy.clone()).build();
    let builder = || {
        Client::builder(credentials()).origin(origin).limits(|limits| limits.failures_per_call(1))
    };
    [builder().agent(config()), builder().agent(Agent::new_with_config(config()))]
        .map(|builder| builder.build().unwrap())
}

fn server() -> Scripted {
    Scripted::granting(|exchange| {
        let host = exchange.header("host").unwrap_or_default().to_owned();
        exchange.answer(200, "", &host);
    })
}

#[cfg(feature = "rustls")]
#[test]
fn rule_03_a_token_for_https_never_goes_out_in_clear() {
    bounded(|| {
        let (plain, proxy) = (server(), server());
        let authority = format!("127.0.0.1:{}", plain.port());
        for proxy in [None, Some(&proxy)] {
            for client in clients(&format!("https://{authority}"), proxy) {
                client.resume(&snapshot(&authority)).unwrap();
                for scheme in ["HTTPS", "Https", "hTTPS", "http", "HTTP", "Http", "ws", "https2"] {
                    let request = Request::get(uri(scheme, &authority)).body(()).unwrap();
                    let error = client.run(request).unwrap_err();
                    assert!(matches!(error, Error::ForeignOrigin(_)), "{scheme}: {error:?}");
                }
            }
        }
        assert_eq!((plain.connections(), proxy.connections()), (0, 0));
    });
}

/// A request's own proxy is not checked when the client is built.
#[cfg(all(feature = "rustls", not(feature = "socks-proxy")))]
#[test]
fn a_request_does_not_go_around_its_socks_proxy() {
    bounded(|| {
        let plain = server();
        let authority = format!("127.0.0.1:{}", plain.port());
        let [client, _] = clients(&format!("https://{authority}"), None);
        client.resume(&snapshot(&authority)).unwrap();
        let request = Request::get(uri("https", &authority)).body(()).unwrap();
        let proxy = Some(Proxy::new("socks5://127.0.0.1:9").unwrap());
        let error =
            client.run(client.agent().configure_request(request).proxy(proxy).build()).unwrap_err();
        assert!(matches!(error, Error::Ureq(ureq::Error::InvalidProxyUrl)), "{error:?}");
        assert_eq!(plain.connections(), 0);
    });
}

/// A token that is held, so that only the call is in question.
#[cfg(feature = "rustls")]
fn snapshot(authority: &str) -> waldo_ureq::Snapshot {
    // What a client of this server was granted, as if the server were the https one.
    let granting = server();
    let client = Client::builder(credentials()).origin(granting.origin()).build().unwrap();
    drop(client.token().unwrap());
    let stored = client.snapshot().unwrap().to_json();
    let stored = stored.replace(&granting.origin(), &format!("https://{authority}"));
    waldo_ureq::Snapshot::from_json(stored.as_bytes()).unwrap()
}

#[test]
fn rule_03_another_spelling_in_clear_goes_through_no_proxy() {
    bounded(|| {
        let (server, proxy) = (server(), server());
        let (port, expected) = (server.port(), format!("127.0.0.1:{}", server.port()));
        for client in clients(&server.origin(), Some(&proxy)) {
            for scheme in ["HTTP", "Http", "https", "HTTPS"] {
                let request = Request::get(uri(scheme, &expected)).body(()).unwrap();
                assert!(matches!(client.run(request), Err(Error::ForeignOrigin(_))), "{scheme}");
            }
            for target in [
                format!("http://{expected}/x"),
                format!("HTTP://{expected}/x"),
                format!("http://localhost:{port}/x"),
                format!("http://LocalHost:0{port}/x"),
                format!("http://me:secret@127.0.0.1:{port}/x"),
                "/x".to_owned(),
            ] {
                let mut response = client.get(&target).call().unwrap();
                assert_eq!(response.body_mut().read_to_string().unwrap(), expected, "{target}");
            }
            let mut parts = uri("http", &expected).into_parts();
            parts.scheme = Some(Scheme::HTTP);
            let request = Request::get(Uri::from_parts(parts).unwrap()).body(()).unwrap();
            assert_eq!(client.run(request).unwrap().status(), 200);
        }
        assert_eq!(proxy.connections(), 0);
    });
}
