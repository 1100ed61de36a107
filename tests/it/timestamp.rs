//! `audit timestamp` against an authority made with `openssl ts`, behind a small HTTP server on loopback: the real binary,
//! a relay that runs as a process of its own, and openssl's own word on what was kept. Where there is no `openssl`, the
//! tokens that are checked in (`src/audit/timestamp/tests`) still cover verification.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use wardline::audit::bundle::TokensLeftOut;
use wardline::audit::timestamp::{InvalidToken, SignedToken, StoredTimestamp, TsaRoots};
use wardline::audit::{Trusted, check, make};
use wardline::cli::world::{RelayProcess, World, WorldPlan};
use wardline::client::{Client, ProfileDir, bench};
use wardline::domain::WarningName;
use wardline::transparency::Policy;

use crate::support::{PROGRAM, wardline};

/// What openssl is told of an authority.
const CONFIG: &str = "[tsa]\ndefault_tsa = here\n[here]\nserial = serial\ndefault_policy = 1.3.6.1.4.1.99999.3.9\n\
    digests = sha256\naccuracy = secs:2\ness_cert_id_alg = sha256\n";
const EXTENSIONS: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n";

/// An authority: a directory in which openssl finds its key, its certificate and its root.
struct Authority {
    directory: PathBuf,
    digest: &'static str,
}

fn openssl(directory: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl")
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap()
}

/// The same; it must do it.
fn does(directory: &Path, arguments: &[&str]) {
    let output = openssl(directory, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Authority {
    fn make(directory: PathBuf, key: &[&str], digest: &'static str) -> Self {
        std::fs::create_dir(&directory).unwrap();
        for (file, text) in [("tsa.cnf", CONFIG), ("tsa.ext", EXTENSIONS), ("serial", "01\n")] {
            std::fs::write(directory.join(file), text).unwrap();
        }
        let new = |more: &[&str]| does(&directory, &[&["req", "-new", "-nodes"], more, key].concat());
        new(&[
            "-x509",
            "-days",
            "3650",
            "-subj",
            "/CN=Test root",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-keyout",
            "root.key",
            "-out",
            "root.pem",
        ]);
        new(&[
            "-subj",
            "/CN=Test authority",
            "-keyout",
            "tsa.key",
            "-out",
            "tsa.csr",
        ]);
        let issue = [
            "x509",
            "-req",
            "-days",
            "3650",
            "-in",
            "tsa.csr",
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-set_serial",
            "0xf00d",
            "-extfile",
            "tsa.ext",
            "-out",
            "tsa.pem",
        ];
        does(&directory, &issue);
        Self { directory, digest }
    }

    fn root(&self) -> String {
        self.directory.join("root.pem").display().to_string()
    }

    fn answer(&self, query: &[u8]) -> Vec<u8> {
        std::fs::write(self.directory.join("query.tsq"), query).unwrap();
        let reply = [
            "ts",
            "-reply",
            "-config",
            "tsa.cnf",
            "-queryfile",
            "query.tsq",
            "-signer",
            "tsa.pem",
            "-inkey",
            "tsa.key",
            self.digest,
            "-out",
            "reply.tsr",
        ];
        does(&self.directory, &reply);
        std::fs::read(self.directory.join("reply.tsr")).unwrap()
    }
}

/// Serves it at `/`, and what an authority should not do elsewhere. The URL, without the slash.
async fn serve(authority: Arc<Authority>) -> String {
    let stale = authority.answer(&stale_query(&authority));
    let router = Router::new()
        .route(
            "/",
            post(
                |State(authority): State<Arc<Authority>>, headers: HeaderMap, query: Bytes| async move {
                    assert_eq!(headers["content-type"], "application/timestamp-query");
                    tokio::task::spawn_blocking(move || authority.answer(&query))
                        .await
                        .unwrap()
                },
            ),
        )
        .route("/stale", post(|| async move { stale }))
        .route(
            "/refuses",
            post(|| async { [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02].to_vec() }),
        )
        .route("/page", post(|| async { "<html>Welcome</html>" }))
        .route("/busy", post(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .with_state(authority);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A query over something else.
fn stale_query(authority: &Authority) -> Vec<u8> {
    let query = [
        "ts",
        "-query",
        "-data",
        "tsa.cnf",
        "-sha256",
        "-cert",
        "-out",
        "stale.tsq",
    ];
    does(&authority.directory, &query);
    std::fs::read(authority.directory.join("stale.tsq")).unwrap()
}

/// Runs `audit timestamp`: its exit code, what it printed, and what it said.
fn timestamp(profile: &ProfileDir, arguments: &[&str]) -> (i32, String, String) {
    let mut command = wardline(profile.path(), &["--profile", ".", "audit", "timestamp"]);
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// What a profile keeps, in order of its names.
fn kept(profile: &ProfileDir) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(profile.timestamps()) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What is in the files that a profile keeps.
fn contents(profile: &ProfileDir) -> Vec<Vec<u8>> {
    kept(profile)
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// Authorities with RSA and with ECDSA date the newest checkpoint; what is kept verifies here and by openssl. What an
/// authority should not answer leaves nothing and says why; without a root, or without the relay, it says so and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_dates_a_checkpoint() {
    if Command::new("openssl").arg("version").output().is_err() {
        let what = "there is no `openssl` here to make a timestamp authority with";
        assert!(std::env::var_os("CI").is_none(), "{what}");
        eprintln!("NOT RUN: {what}");
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let agencies = ["ru.ctc", "us.ctc"].map(|agency| agency.parse().unwrap());
    let plan = WorldPlan::new("timestamp.wardline.invalid", &agencies).unwrap();
    let world = World::open(&temporary.path().join("world"), plan).await.unwrap();
    let relay = RelayProcess::start(Path::new(PROGRAM), &world.config())
        .await
        .unwrap();
    world.remember(relay.serving().listen).unwrap();
    world.enrol(relay.serving()).await.unwrap();
    let profile = world.auditor();

    let ec_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let rsa = Authority::make(temporary.path().join("rsa"), &["-newkey", "rsa:2048"], "-sha512");
    let ec = Authority::make(temporary.path().join("ec"), &ec_key, "-sha256");
    let (rsa, ec) = (Arc::new(rsa), Arc::new(ec));
    let (rsa_url, ec_url) = (serve(Arc::clone(&rsa)).await, serve(Arc::clone(&ec)).await);

    // What must not be kept: another root's, an old answer, a refusal, no answer of an authority, none at all.
    for (url, root, code, said) in [
        (rsa_url.clone(), &ec, 5, "leads to none of the given roots"),
        (format!("{rsa_url}/stale"), &rsa, 5, "not of this checkpoint"),
        (
            format!("{rsa_url}/refuses"),
            &rsa,
            1,
            "the authority refused: rejection",
        ),
        (
            format!("{rsa_url}/page"),
            &rsa,
            1,
            "not one of a timestamp authority",
        ),
        (format!("{rsa_url}/nowhere"), &rsa, 1, "404"),
        (format!("{rsa_url}/busy"), &rsa, 3, "503"),
        ("http://127.0.0.1:1".to_owned(), &rsa, 3, "cannot connect"),
        ("ftp://127.0.0.1".to_owned(), &rsa, 2, "http://"),
    ] {
        let (exit, printed, stderr) = timestamp(&profile, &["--tsa", &url, "--tsa-root", &root.root()]);
        assert_eq!((exit, printed.as_str()), (code, ""), "{url}: {stderr}");
        assert!(stderr.contains(said), "{url}: {stderr}");
    }
    assert_eq!(kept(&profile), Vec::<PathBuf>::new());

    let newest = Client::open(&profile).unwrap().checkpoint().await.unwrap();
    for (url, authority) in [(&rsa_url, &rsa), (&ec_url, &ec)] {
        let (exit, printed, stderr) = timestamp(
            &profile,
            &["--tsa", url, "--tsa-root", &authority.root(), "--json"],
        );
        assert_eq!(exit, 0, "{stderr}");
        let told: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(told["size"], newest.size());
        assert_eq!(
            (&told["authority"], &told["tsa_root"]),
            (&"CN=Test authority".into(), &"CN=Test root".into())
        );
        assert_eq!(told["accuracy_ms"], 2_000);

        let file = Path::new(told["file"].as_str().unwrap()).file_name().unwrap();
        let file = profile.timestamps().join(file);
        let stored = StoredTimestamp::parse(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(stored.checkpoint, newest.note());
        let text = newest.checkpoint().to_text();
        let roots = TsaRoots::from_pem(&std::fs::read(authority.root()).unwrap()).unwrap();
        let verified = SignedToken::read(&stored.token, &text).unwrap().anchored(&roots);
        assert_eq!(told["existed_by_unix_ms"], verified.unwrap().latest().unix_ms());
        assert_eq!(
            SignedToken::read(&stored.token, &text.replace("timestamp", "Timestamp")),
            Err(InvalidToken::OtherImprint)
        );
        // And openssl says the same of it.
        std::fs::write(authority.directory.join("note"), &text).unwrap();
        std::fs::write(authority.directory.join("token"), &stored.token).unwrap();
        let verify = [
            "ts",
            "-verify",
            "-data",
            "note",
            "-in",
            "token",
            "-token_in",
            "-CAfile",
            "root.pem",
        ];
        does(&authority.directory, &verify);
    }

    // Each is in a file of its own, and what comes later takes no place of it: not even what nobody has checked.
    let two = contents(&profile);
    assert_eq!(two.len(), 2);
    // Without a root it is kept, and said to be unchecked.
    let (exit, printed, _) = timestamp(&profile, &["--tsa", &rsa_url]);
    assert_eq!(exit, 0);
    assert!(printed.contains("No --tsa-root was given"), "{printed}");
    let three = contents(&profile);
    assert_eq!(three.len(), 3);
    assert!(two.iter().all(|file| three.contains(file)));
    let (exit, printed, _) = timestamp(
        &profile,
        &["--tsa", &rsa_url, "--tsa-root", &ec.root(), &rsa.root()],
    );
    assert_eq!(exit, 0);
    assert!(
        printed.contains("leads to your root \u{2068}CN=Test root\u{2069}"),
        "{printed}"
    );

    // A bundle takes the earliest of each authority: the daily timers of a quiet log made two of one, and one of the other.
    let us = world.agency(&agencies[1]);
    let client = Client::open(&us).unwrap();
    let draft = bench::draft("ru.ctc".parse().unwrap(), 200).unwrap();
    let sent = client.submit(&draft).await.unwrap();
    for url in [&rsa_url, &rsa_url, &ec_url] {
        assert_eq!(timestamp(&us, &["--tsa", url]).0, 0);
    }
    let made = make(&client, &WarningName::Digest(sent.digest)).await.unwrap();
    let policy = temporary.path().join("policy");
    std::fs::create_dir_all(policy.join("tsa")).unwrap();
    let own = Policy::of_log(client.settings().log.clone()).to_bytes();
    std::fs::write(policy.join("log.policy"), own).unwrap();
    for (authority, file) in [(&rsa, "rsa.pem"), (&ec, "ec.pem")] {
        std::fs::copy(authority.root(), policy.join("tsa").join(file)).unwrap();
    }
    let findings = check(&made.bundle, &Trusted::read(&policy).unwrap()).unwrap();
    assert_eq!(findings.timestamps.len(), 2);
    assert_eq!(made.tokens_left_out, TokensLeftOut::default());
    assert!(findings.timestamps.iter().all(|token| token.root.is_some()));
    assert!(findings.acts.iter().all(|act| act.bracket.not_after.is_some()));

    // Without the relay the newest checkpoint that was verified is dated.
    relay.stop().await.unwrap();
    let (exit, printed, stderr) = timestamp(&profile, &["--tsa", &ec_url, "--tsa-root", &ec.root()]);
    assert_eq!(exit, 0, "{stderr}");
    assert!(stderr.contains("verified before is taken"), "{stderr}");
    assert!(
        printed.starts_with(&format!("Checkpoint {} existed by ", newest.size())),
        "{printed}"
    );
}
