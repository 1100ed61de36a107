//! The edge over real TLS on loopback: who is let in, what an error says, and how a relay goes down.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt as _;
use wardline::error::ErrorCode;
use wardline::limits;
use wardline::server::Stopped;
use wardline::wire::v1;

use crate::support::{Home, RelayProcess, call, call_stream, http_get, wardline};

/// The code that an error names, with what every error of ours must say.
fn code(status: &Status) -> ErrorCode {
    let info = status
        .get_details_error_info()
        .unwrap_or_else(|| panic!("an error without ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "wardline.v1");
    let code = ErrorCode::from_name(&info.reason).unwrap();
    assert_eq!(info.metadata["retryable"], code.retryable().to_string());
    assert_eq!(info.metadata["what_to_do"], code.what_to_do());
    code
}

/// Whoever shows no certificate is told so by an alert, at once: TLS itself asks for one.
#[tokio::test]
async fn no_certificate_ends_in_an_alert() {
    let home = Home::begun().await;
    let relay = home.serve(&[]).await;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let tcp = TcpStream::connect(relay.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .unwrap();
    // In TLS 1.3 the client's side of the handshake ends before the server has seen its certificate.
    let refused = tls.read(&mut [0]).await.unwrap_err();
    let alert = refused.get_ref().unwrap().downcast_ref::<rustls::Error>();
    assert_eq!(
        alert,
        Some(&rustls::Error::AlertReceived(
            rustls::AlertDescription::CertificateRequired
        ))
    );
    relay.stop().await;
}

/// TLS 1.2 ends in an alert: a ClientHello without the versions extension gets `protocol_version` (RFC 8446 §6.2).
#[tokio::test]
async fn tls_1_2_ends_in_an_alert() {
    let home = Home::begun().await;
    let relay = home.serve(&[]).await;
    let mut tcp = TcpStream::connect(relay.address).await.unwrap();
    tcp.write_all(&client_hello_1_2()).await.unwrap();
    let mut alert = [0; 7];
    tcp.read_exact(&mut alert).await.unwrap();
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    const PROTOCOL_VERSION: u8 = 70;
    assert_eq!((alert[0], alert[5], alert[6]), (ALERT, FATAL, PROTOCOL_VERSION));
    relay.stop().await;
}

/// A ClientHello as a client of TLS 1.2 sends it.
fn client_hello_1_2() -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.push(0);
    // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256; no compression.
    hello.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    let extensions: [&[u8]; 3] = [
        // supported_groups: secp256r1, x25519.
        &[0, 10, 0, 6, 0, 4, 0, 23, 0, 29],
        // ec_point_formats: uncompressed.
        &[0, 11, 0, 2, 1, 0],
        // signature_algorithms: ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256.
        &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4],
    ];
    let extensions = extensions.concat();
    hello.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    hello.extend(extensions);
    let length = u16::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1];
    record.extend((length + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend(length.to_be_bytes());
    record.extend(hello);
    record
}

/// A key that nobody enrolled is let in by TLS and refused by every service, with a reason: unary calls and streams.
#[tokio::test]
async fn an_unknown_certificate_is_refused_with_a_reason() {
    let home = Home::begun().await;
    let relay = home.serve(&[]).await;
    let channel = relay.channel(&home.stranger()).await;
    for path in [
        "/wardline.v1.Exchange/Submit",
        "/wardline.v1.Directory/GetDirectory",
        "/wardline.v1.Audit/GetCheckpoint",
        "/wardline.v1.Operator/GetStatus",
        "/grpc.health.v1.Health/Check",
    ] {
        let status = call(channel.clone(), path, Bytes::new()).await.unwrap_err();
        assert_eq!(
            (status.code(), code(&status)),
            (Code::Unauthenticated, ErrorCode::UnknownCertificate)
        );
    }
    for path in [
        "/wardline.v1.Exchange/Receive",
        "/wardline.v1.Exchange/SubmitMany",
        "/wardline.v1.Exchange/WatchWarning",
        "/wardline.v1.Audit/Replay",
    ] {
        let status = call_stream(channel.clone(), path, Bytes::new())
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), code(&status)),
            (Code::Unauthenticated, ErrorCode::UnknownCertificate)
        );
    }
    relay.stop().await;
}

/// Bytes that are no message, messages over the bound, missing fields and unknown methods are refused with a reason that
/// says that nothing happened; a table over unary calls and streams.
#[tokio::test]
async fn what_cannot_be_read_is_refused_with_a_reason() {
    let home = Home::begun().await;
    let relay = home.serve(&[]).await;
    let channel = relay.channel(&home.operator()).await;
    let garbage = Bytes::from_static(b"\xff\xff\xff\xff");
    let huge = Bytes::from(vec![0; limits::GRPC_MESSAGE_BYTES_MAX + 1]);
    for (path, message, expected) in [
        (
            "/wardline.v1.Exchange/Submit",
            garbage.clone(),
            ErrorCode::Malformed,
        ),
        ("/wardline.v1.Exchange/Submit", huge.clone(), ErrorCode::Malformed),
        (
            "/wardline.v1.Exchange/Submit",
            Bytes::new(),
            ErrorCode::MissingField,
        ),
        (
            "/wardline.v1.Exchange/Acknowledge",
            Bytes::new(),
            ErrorCode::MissingField,
        ),
        (
            "/wardline.v1.Exchange/GetWarning",
            Bytes::new(),
            ErrorCode::MissingField,
        ),
        (
            "/wardline.v1.Directory/PublishKey",
            Bytes::new(),
            ErrorCode::MissingField,
        ),
        (
            "/wardline.v1.Operator/EnrolState",
            garbage.clone(),
            ErrorCode::Malformed,
        ),
        (
            "/wardline.v1.Exchange/Nothing",
            Bytes::new(),
            ErrorCode::Unsupported,
        ),
        (
            "/wardline.v2.Exchange/Submit",
            Bytes::new(),
            ErrorCode::Unsupported,
        ),
    ] {
        let status = call(channel.clone(), path, message).await.unwrap_err();
        assert_eq!(code(&status), expected, "{path}: {status:?}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.metadata["side_effect"], "NONE");
    }
    for (path, message, expected) in [
        (
            "/wardline.v1.Exchange/Receive",
            garbage.clone(),
            ErrorCode::Malformed,
        ),
        (
            "/wardline.v1.Exchange/Receive",
            Bytes::new(),
            ErrorCode::InvalidRequest,
        ),
        (
            "/wardline.v1.Exchange/SubmitMany",
            garbage.clone(),
            ErrorCode::Malformed,
        ),
        ("/wardline.v1.Exchange/SubmitMany", huge, ErrorCode::Malformed),
        ("/wardline.v1.Audit/Replay", garbage, ErrorCode::Malformed),
    ] {
        let status = call_stream(channel.clone(), path, message).await.unwrap_err();
        assert_eq!(code(&status), expected, "{path}: {status:?}");
    }
    relay.stop().await;
}

/// Health and reflection answer whoever is enrolled; reflection lists every service of the proto files.
#[tokio::test]
async fn health_and_reflection_answer() {
    let home = Home::begun().await;
    let relay = home.serve(&[]).await;
    let channel = relay.channel(&home.operator()).await;
    let mut health = HealthClient::new(channel.clone());
    for service in ["", "wardline.v1.Exchange", "wardline.v1.Operator"] {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let answer: HealthCheckResponse = health.check(request).await.unwrap().into_inner();
        assert_eq!(
            answer.status(),
            tonic_health::pb::health_check_response::ServingStatus::Serving
        );
    }
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    for service in ["Exchange", "Directory", "Audit", "Operator"] {
        assert!(names.contains(&format!("wardline.v1.{service}")), "{names:?}");
    }
    relay.stop().await;
}

/// Metrics and readiness are served on their own port: calls are counted by method and code, and names that a peer makes
/// up are not.
#[tokio::test]
async fn metrics_and_health_are_served_over_http() {
    let home = Home::begun().await;
    let relay = home.serve(&[("http_listen", "127.0.0.1:0")]).await;
    let channel = relay.channel(&home.operator()).await;
    call(channel.clone(), "/wardline.v1.Audit/GetCheckpoint", Bytes::new())
        .await
        .unwrap();
    call(channel, "/wardline.v1.Made/Up", Bytes::new())
        .await
        .unwrap_err();
    let http = relay.http_address.unwrap();
    assert!(http_get(http, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(http_get(http, "/readyz").await.starts_with("HTTP/1.1 200"));
    let metrics = http_get(http, "/metrics").await;
    let counted = "wardline_grpc_calls_total{method=\"/wardline.v1.Audit/GetCheckpoint\",code=\"Ok\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    assert!(
        metrics.contains("{method=\"other\",code=\"Unimplemented\"} 1"),
        "{metrics}"
    );
    assert!(!metrics.contains("Made"), "{metrics}");
    // The genesis, the start, and their two appends, one of them by this process.
    for line in [
        "wardline_log_size 2",
        "wardline_blocks_total 1",
        "wardline_block_records_bucket{le=\"+Inf\"} 1",
        "wardline_append_duration_seconds_count 1",
        "wardline_refusals_total{code=\"SEEN_NOT_ON_LOG\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    // Shown in seconds: one append that took an hour is a wrong unit.
    let sum = metrics
        .lines()
        .find_map(|line| line.strip_prefix("wardline_append_duration_seconds_sum "))
        .unwrap();
    let sum: f64 = sum.parse().unwrap();
    assert!(sum > 0.0 && sum < 3_600.0, "{sum}");
    relay.stop().await;
}

/// A second relay on the same data refuses to start, with exit code 1; the first goes on.
#[tokio::test]
async fn a_second_relay_refuses() {
    let home = Home::begun().await;
    let relay = home.serve(&[]).await;
    let second = wardline(home.path(), &["relay", "run", "--config", "relay.toml"])
        .output()
        .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("is in use by another relay"), "{said}");
    let channel = relay.channel(&home.operator()).await;
    call(channel, "/wardline.v1.Audit/GetCheckpoint", Bytes::new())
        .await
        .unwrap();
    relay.stop().await;
}

/// A log begins once: `relay init` refuses a second time, and the keys of the first stay as they were.
#[tokio::test]
async fn a_log_begins_once() {
    let home = Home::new();
    let init = || {
        wardline(
            home.path(),
            &["--json", "relay", "init", "--config", "relay.toml"],
        )
        .output()
        .unwrap()
    };
    let first = init();
    assert_eq!(
        first.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&first.stderr)
    );
    let said: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(said["origin"], "relay.example.invalid/log");
    assert!(
        said["log_vkey"]
            .as_str()
            .unwrap()
            .starts_with("relay.example.invalid/log+")
    );
    assert!(
        said["checkpoint"]
            .as_str()
            .unwrap()
            .starts_with("relay.example.invalid/log\n1\n")
    );
    let key = std::fs::read(home.path().join("data/keys/log.pem")).unwrap();
    let second = init();
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(std::fs::read(home.path().join("data/keys/log.pem")).unwrap(), key);
    let relay = home.serve(&[]).await;
    assert_eq!(relay.pin.to_string(), said["tls_pin"].as_str().unwrap());
    relay.stop().await;
}

/// A log's key or origin other than the genesis' is refused with exit code 1.
#[tokio::test]
async fn a_relay_serves_only_the_log_of_its_key() {
    let home = Home::begun().await;
    let run = |arguments: &[&str]| {
        let run = [&["relay", "run", "--config", "relay.toml"], arguments].concat();
        wardline(home.path(), &run).output().unwrap()
    };
    let other_origin = run(&["--set", "origin=other.invalid"]);
    let said = String::from_utf8_lossy(&other_origin.stderr).into_owned();
    assert_eq!(other_origin.status.code(), Some(1), "{said}");
    let key = home.path().join("data/keys/log.pem");
    std::fs::remove_file(&key).unwrap();
    wardline::seal::SecretKey::from_seed(&[9; 32])
        .write_to(&key)
        .unwrap();
    let other_key = run(&[]);
    let said = String::from_utf8_lossy(&other_key.stderr).into_owned();
    assert_eq!(other_key.status.code(), Some(1), "{said}");
}

/// SIGTERM and SIGINT drain: streams come to an end with a reason, the process exits 0 and says that nothing was cut.
#[tokio::test]
async fn a_signal_drains() {
    for signal in ["TERM", "INT"] {
        let home = Home::begun().await;
        let process = RelayProcess::start(home.path(), &[]);
        assert_eq!(process.serving["event"], "serving");
        let address: SocketAddr = process.serving["listen"].as_str().unwrap().parse().unwrap();
        let pin = process.serving["tls_pin"].as_str().unwrap().parse().unwrap();
        let channel = crate::support::channel(address, pin, &home.operator()).await;
        let (up, requests) = tokio::sync::mpsc::channel::<v1::SubmitManyRequest>(1);
        let mut answers = v1::exchange_client::ExchangeClient::new(channel.clone())
            .submit_many(tokio_stream::wrappers::ReceiverStream::new(requests))
            .await
            .unwrap()
            .into_inner();
        let mut health = HealthClient::new(channel)
            .watch(HealthCheckRequest::default())
            .await
            .unwrap()
            .into_inner();
        health.message().await.unwrap().unwrap();
        process.signal(signal);
        let ended = answers.message().await.unwrap_err();
        assert_eq!(code(&ended), ErrorCode::Draining);
        let told = health.message().await.unwrap().unwrap();
        assert_eq!(
            told.status(),
            tonic_health::pb::health_check_response::ServingStatus::NotServing
        );
        drop(up);
        // On a thread of its own: the relay waits for this connection's answer to its good-bye, which this one must give.
        let ended = tokio::task::spawn_blocking(move || process.ended());
        let (exit, last, log) = ended.await.unwrap();
        assert_eq!(exit, Some(0), "{log}");
        assert_eq!(
            (&last["event"], &last["cut"]),
            (&"stopped".into(), &false.into()),
            "{log}"
        );
        assert!(TcpStream::connect(address).await.is_err());
    }
}

/// What does not end by itself is cut after the bound, and the relay still goes down properly: the log opens again.
#[tokio::test]
async fn what_does_not_end_is_cut() {
    let home = Home::begun().await;
    let relay = home.serve(&[("limits.drain_ms_max", "50")]).await;
    let channel = relay.channel(&home.operator()).await;
    // A reflection stream lasts until its client ends it.
    let (_up, requests) = tokio::sync::mpsc::channel::<ServerReflectionRequest>(1);
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::wrappers::ReceiverStream::new(requests))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(relay.stop().await, Stopped::Cut);
    assert!(answers.message().await.is_err());
    home.serve(&[]).await.stop().await;
}

/// Believes every server.
#[derive(Debug)]
struct Anyone;

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![
            rustls::SignatureScheme::ECDSA_NISTP256_SHA256,
            rustls::SignatureScheme::ED25519,
        ]
    }
}
