//! Servers have to prove who they are, unless nobody asks them to.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ratchet_plugin_api::Code;
use ratchet_testkit::http_server::{self, Counter, Reply};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::{Script, fetcher, fetcher_with, get};

/// A server with a certificate that only it vouches for.
struct TlsServer {
    address: SocketAddr,
    counter: Counter,
    certificate: String,
}

impl TlsServer {
    async fn start(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counter = Counter::default();
        tokio::spawn({
            let counter = counter.clone();
            async move {
                let handler = http_server::handler(|_| async { Reply::ok("in private") });
                while let Ok((connection, _)) = listener.accept().await {
                    let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
                    let counter = counter.clone();
                    tokio::spawn(async move {
                        if let Ok(connection) = acceptor.accept(connection).await {
                            http_server::serve(connection, handler, counter).await;
                        }
                    });
                }
            }
        });
        Self { address, counter, certificate: certified.cert.pem() }
    }

    fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// Writes the certificate to a file of its own.
    fn ca_file(&self) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &self.certificate).unwrap();
        file
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let server = TlsServer::start(&["127.0.0.1"]).await;
    let error = fetcher(|_| {}).fetch(get(server.url())).await.unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.full_message().contains("certificate"), "{error}");
    assert_eq!(server.counter.now().requests, 0);
}

#[tokio::test]
async fn any_certificate_will_do_where_none_is_verified() {
    let server = TlsServer::start(&["elsewhere.example"]).await;
    let fetcher = fetcher(|config| config.http.verify_ssl = false);
    let response = fetcher.fetch(get(server.url())).await.unwrap();
    assert_eq!(&response.body[..], b"in private");
}

#[tokio::test]
async fn an_additional_authority_is_trusted() {
    let server = TlsServer::start(&["127.0.0.1"]).await;
    let file = server.ca_file();
    let fetcher = fetcher(|config| config.http.ca_file = Some(file.path().to_owned()));
    for _ in 0..3 {
        let response = fetcher.fetch(get(server.url())).await.unwrap();
        assert_eq!(&response.body[..], b"in private");
    }
    assert_eq!(server.counter.now().connections, 1, "connections are reused under TLS too");
}

#[tokio::test]
async fn a_trusted_certificate_for_another_name_is_refused() {
    let server = TlsServer::start(&["right.example"]).await;
    let file = server.ca_file();
    let script = Script::new(&[&["127.0.0.1"], &["127.0.0.1"]]);
    let fetcher = fetcher_with(script, |config| {
        config.http.ca_file = Some(file.path().to_owned());
    });
    let port = server.address.port();
    let right = fetcher.fetch(get(format!("https://right.example:{port}/"))).await;
    assert_eq!(right.unwrap().status, 200);
    let wrong = fetcher.fetch(get(format!("https://wrong.example:{port}/"))).await;
    assert_eq!(wrong.unwrap_err().code, Code::Unavailable);
}

#[tokio::test]
async fn a_server_without_tls_is_unavailable_over_https() {
    let server = http_server::HttpServer::start(|_| async { Reply::ok("") }).await;
    let url = format!("https://{}/", server.address());
    assert_eq!(fetcher(|_| {}).fetch(get(url)).await.unwrap_err().code, Code::Unavailable);
}

#[test]
fn an_authority_file_without_certificates_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = super::config(|config| config.http.ca_file = Some(file.path().to_owned()));
    let started = crate::HttpFetch::new(config, Arc::new(crate::resolver::SystemLookup));
    let error = started.map(drop).unwrap_err();
    assert_eq!(error.code, Code::Configuration);
    assert!(error.message.contains("has no certificate"), "{error}");
    assert!(error.message.contains(&file.path().display().to_string()), "{error}");
}
