//! A relay that lies: a proxy that passes calls on to the honest one, with the agency's own TLS key, and meddles with the
//! answers on the way back. It holds the log's key too, as a dishonest operator would.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use prost::Message as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use wardline::client::{Client, Settings};
use wardline::domain::{Hash, KeyRole};
use wardline::seal::SecretKey;
use wardline::time::SystemClock;
use wardline::tls::{TlsIdentity, client_connector};
use wardline::transparency::LogKey;
use wardline::wire::v1;
use wardline::wire::v1::audit_client::AuditClient;
use wardline::wire::v1::directory_client::DirectoryClient;
use wardline::wire::v1::exchange_client::ExchangeClient;

use crate::support::World;

/// What is done to the answers of each kind, as set by a test.
type Meddling<T> = Arc<Mutex<Option<Box<dyn FnMut(&mut T) + Send>>>>;

/// Which messages of a stream are passed on, as set by a test; else all are.
type Letting<T> = Arc<Mutex<Option<Box<dyn FnMut(&T) -> bool + Send>>>>;

/// How a question for a proof of consistency is answered by a relay that has other proofs than the honest one.
type Proving = Box<dyn FnMut(&v1::ProveConsistencyRequest) -> Option<v1::ProveConsistencyResponse> + Send>;

/// With what a call is refused, by what is asked, as set by a test; else the honest relay is asked.
type Refusing<T> = Arc<Mutex<Option<Box<dyn FnMut(&T) -> v1::Refusal + Send>>>>;

#[derive(Clone, Default)]
pub(crate) struct Meddler {
    submit: Meddling<v1::SubmitResponse>,
    acknowledge: Meddling<v1::AcknowledgeResponse>,
    warning: Meddling<v1::GetWarningResponse>,
    delivery: Meddling<v1::Delivery>,
    directory: Meddling<v1::GetDirectoryResponse>,
    checkpoint: Meddling<v1::GetCheckpointResponse>,
    evidence: Meddling<v1::GetEvidenceResponse>,
    /// What a submission is refused with, in the place of its answer.
    refused: Refusing<v1::SubmitRequest>,
    /// What a question for a proof of consistency is refused with.
    unproven: Refusing<v1::ProveConsistencyRequest>,
    /// What a question for one warning is refused with.
    unshown: Refusing<v1::GetWarningRequest>,
    /// How often a watch was opened.
    watches: Arc<AtomicUsize>,
    /// What a list holds.
    list: Meddling<v1::ListWarningsResponse>,
    /// How many it says that there were, when all that waited has come.
    caught_up: Meddling<v1::CaughtUp>,
    /// Which deliveries come.
    delivers: Letting<v1::Delivery>,
    /// Whether it says that all that waited has come.
    says_caught_up: Letting<v1::CaughtUp>,
    /// Which messages of a watch come; unset: every watch ends as soon as it has begun.
    shows: Letting<v1::WatchWarningResponse>,
    proving: Arc<Mutex<Option<Proving>>>,
}

macro_rules! lettings {
    ($($name:ident: $of:ty;)+) => {
        $(pub(crate) fn $name(&self, lets: impl FnMut(&$of) -> bool + Send + 'static) {
            *self.$name.lock().unwrap() = Some(Box::new(lets));
        })+
    };
}

macro_rules! refusings {
    ($($name:ident: $of:ty;)+) => {
        $(pub(crate) fn $name(&self, refuse: impl FnMut(&$of) -> v1::Refusal + Send + 'static) {
            *self.$name.lock().unwrap() = Some(Box::new(refuse));
        })+
    };
}

macro_rules! meddlings {
    ($($name:ident: $of:ty;)+) => {
        $(pub(crate) fn $name(&self, meddle: impl FnMut(&mut $of) + Send + 'static) {
            *self.$name.lock().unwrap() = Some(Box::new(meddle));
        })+
    };
}

impl Meddler {
    meddlings! {
        submit: v1::SubmitResponse;
        acknowledge: v1::AcknowledgeResponse;
        warning: v1::GetWarningResponse;
        delivery: v1::Delivery;
        directory: v1::GetDirectoryResponse;
        checkpoint: v1::GetCheckpointResponse;
        evidence: v1::GetEvidenceResponse;
        list: v1::ListWarningsResponse;
        caught_up: v1::CaughtUp;
    }
}

impl Meddler {
    lettings! {
        delivers: v1::Delivery;
        says_caught_up: v1::CaughtUp;
        shows: v1::WatchWarningResponse;
    }

    pub(crate) fn proving(
        &self,
        prove: impl FnMut(&v1::ProveConsistencyRequest) -> Option<v1::ProveConsistencyResponse> + Send + 'static,
    ) {
        *self.proving.lock().unwrap() = Some(Box::new(prove));
    }
}

impl Meddler {
    refusings! {
        refused: v1::SubmitRequest;
        unproven: v1::ProveConsistencyRequest;
        unshown: v1::GetWarningRequest;
    }

    pub(crate) fn watches(&self) -> usize {
        self.watches.load(Ordering::Relaxed)
    }
}

fn meddled<T>(with: &Meddling<T>, mut answer: T) -> T {
    if let Some(meddle) = with.lock().unwrap().as_mut() {
        meddle(&mut answer);
    }
    answer
}

fn lets<T>(with: &Letting<T>, message: &T) -> bool {
    let mut with = with.lock().unwrap();
    with.as_mut().is_none_or(|lets| lets(message))
}

/// The refusal that a test has set, as a relay sends it.
fn refusing<T>(with: &Refusing<T>, asked: &T) -> Result<(), Status> {
    let mut with = with.lock().unwrap();
    let Some(refuse) = with.as_mut() else {
        return Ok(());
    };
    let details = tonic_types::Status {
        details: vec![prost_types::Any {
            type_url: "type.googleapis.com/wardline.v1.Refusal".to_owned(),
            value: refuse(asked).encode_to_vec(),
        }],
        ..Default::default()
    };
    let details = details.encode_to_vec().into();
    Err(Status::with_details(
        tonic::Code::FailedPrecondition,
        "refused",
        details,
    ))
}

#[derive(Clone)]
struct Proxy {
    honest: Channel,
    meddler: Meddler,
}

/// A client of a profile whose relay lies as the meddler says; until it says so, it is honest.
pub(crate) async fn lied_to(world: &World, name: &str) -> (Client, Meddler) {
    let profile = world.profile(name);
    let settings = Settings::read(&profile).unwrap();
    let identity = TlsIdentity::read(&profile.tls_certificate(), &profile.secret_key(KeyRole::Tls)).unwrap();
    let connector = client_connector(settings.tls_pin, &identity).unwrap();
    let url = settings.url.replacen("https", "http", 1);
    let honest = Endpoint::from_shared(url)
        .unwrap()
        .connect_with_connector(connector)
        .await
        .unwrap();
    let meddler = Meddler::default();
    let proxy = Proxy {
        honest,
        meddler: meddler.clone(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        Server::builder()
            .add_service(v1::exchange_server::ExchangeServer::new(proxy.clone()))
            .add_service(v1::directory_server::DirectoryServer::new(proxy.clone()))
            .add_service(v1::audit_server::AuditServer::new(proxy))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let client = Client::open_over(&profile, channel, Arc::new(SystemClock)).unwrap();
    (client, meddler)
}

/// The log's own key, in the wrong hands.
pub(crate) fn stolen_log_key(world: &World) -> LogKey {
    let secret = SecretKey::read_from(&world.path().join("data/keys/log.pem")).unwrap();
    LogKey::new(crate::world::parsed(crate::support::ORIGIN), secret)
}

/// A checkpoint of a log that nobody has, signed by the log's key.
pub(crate) fn forged_checkpoint(world: &World, size: u64) -> bytes::Bytes {
    stolen_log_key(world)
        .sign_checkpoint(size, Hash([0x66; 32]))
        .into_bytes()
        .into()
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not in this test"))
}

#[tonic::async_trait]
impl v1::exchange_server::Exchange for Proxy {
    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        refusing(&self.meddler.refused, request.get_ref())?;
        let answer = ExchangeClient::new(self.honest.clone())
            .submit(request.into_inner())
            .await?;
        Ok(Response::new(meddled(&self.meddler.submit, answer.into_inner())))
    }

    type SubmitManyStream = Answers<v1::SubmitManyResponse>;
    async fn submit_many(
        &self,
        _: Request<Streaming<v1::SubmitManyRequest>>,
    ) -> Result<Response<Self::SubmitManyStream>, Status> {
        not_here()
    }

    type ReceiveStream = Answers<v1::ReceiveResponse>;
    async fn receive(
        &self,
        request: Request<Streaming<v1::ReceiveRequest>>,
    ) -> Result<Response<Self::ReceiveStream>, Status> {
        let mut up = request.into_inner();
        let (sender, passed_on) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            while let Some(Ok(message)) = up.next().await {
                if sender.send(message).await.is_err() {
                    break;
                }
            }
        });
        let down = ExchangeClient::new(self.honest.clone())
            .receive(ReceiverStream::new(passed_on))
            .await?
            .into_inner();
        let meddler = self.meddler.clone();
        let down = down.filter_map(move |message| match message {
            Ok(mut message) => {
                if let Some(v1::receive_response::Kind::Delivery(inner)) = message.kind {
                    if !lets(&meddler.delivers, &inner) {
                        return None;
                    }
                    let inner = meddled(&meddler.delivery, inner);
                    message.kind = Some(v1::receive_response::Kind::Delivery(inner));
                } else if let Some(v1::receive_response::Kind::CaughtUp(inner)) = message.kind {
                    if !lets(&meddler.says_caught_up, &inner) {
                        return None;
                    }
                    let inner = meddled(&meddler.caught_up, inner);
                    message.kind = Some(v1::receive_response::Kind::CaughtUp(inner));
                }
                Some(Ok(message))
            }
            Err(status) => Some(Err(status)),
        });
        Ok(Response::new(Box::pin(down)))
    }

    async fn acknowledge(
        &self,
        request: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let answer = ExchangeClient::new(self.honest.clone())
            .acknowledge(request.into_inner())
            .await?;
        Ok(Response::new(meddled(
            &self.meddler.acknowledge,
            answer.into_inner(),
        )))
    }

    async fn get_warning(
        &self,
        request: Request<v1::GetWarningRequest>,
    ) -> Result<Response<v1::GetWarningResponse>, Status> {
        refusing(&self.meddler.unshown, request.get_ref())?;
        let answer = ExchangeClient::new(self.honest.clone())
            .get_warning(request.into_inner())
            .await?;
        Ok(Response::new(meddled(&self.meddler.warning, answer.into_inner())))
    }

    async fn list_warnings(
        &self,
        request: Request<v1::ListWarningsRequest>,
    ) -> Result<Response<v1::ListWarningsResponse>, Status> {
        let answer = ExchangeClient::new(self.honest.clone())
            .list_warnings(request.into_inner())
            .await?;
        Ok(Response::new(meddled(&self.meddler.list, answer.into_inner())))
    }

    type WatchWarningStream = Answers<v1::WatchWarningResponse>;
    /// Every watch ends as soon as it has begun, and as if that were in order, unless a test says what is shown; then it ends
    /// with what was recorded when it began.
    async fn watch_warning(
        &self,
        request: Request<v1::WatchWarningRequest>,
    ) -> Result<Response<Self::WatchWarningStream>, Status> {
        self.meddler.watches.fetch_add(1, Ordering::Relaxed);
        if self.meddler.shows.lock().unwrap().is_none() {
            return Ok(Response::new(Box::pin(tokio_stream::empty())));
        }
        let mut down = ExchangeClient::new(self.honest.clone())
            .watch_warning(request.into_inner())
            .await?
            .into_inner();
        let shows = Arc::clone(&self.meddler.shows);
        let (sender, passed_on) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            while let Some(Ok(message)) = down.next().await {
                let is_last = matches!(message.kind, Some(v1::watch_warning_response::Kind::CaughtUp(_)));
                if lets(&shows, &message) && sender.send(Ok(message)).await.is_err() || is_last {
                    break;
                }
            }
        });
        let down = ReceiverStream::new(passed_on);
        Ok(Response::new(Box::pin(down)))
    }
}

#[tonic::async_trait]
impl v1::directory_server::Directory for Proxy {
    async fn get_directory(
        &self,
        request: Request<v1::GetDirectoryRequest>,
    ) -> Result<Response<v1::GetDirectoryResponse>, Status> {
        let answer = DirectoryClient::new(self.honest.clone())
            .get_directory(request.into_inner())
            .await?;
        Ok(Response::new(meddled(
            &self.meddler.directory,
            answer.into_inner(),
        )))
    }

    async fn publish_key(
        &self,
        _: Request<v1::PublishKeyRequest>,
    ) -> Result<Response<v1::PublishKeyResponse>, Status> {
        not_here()
    }

    async fn publish_desks(
        &self,
        _: Request<v1::PublishDesksRequest>,
    ) -> Result<Response<v1::PublishDesksResponse>, Status> {
        not_here()
    }

    async fn publish_mandate(
        &self,
        _: Request<v1::PublishMandateRequest>,
    ) -> Result<Response<v1::PublishMandateResponse>, Status> {
        not_here()
    }

    async fn place_hold(
        &self,
        _: Request<v1::PlaceHoldRequest>,
    ) -> Result<Response<v1::PlaceHoldResponse>, Status> {
        not_here()
    }
}

#[tonic::async_trait]
impl v1::audit_server::Audit for Proxy {
    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let answer = AuditClient::new(self.honest.clone())
            .get_checkpoint(request.into_inner())
            .await?;
        Ok(Response::new(meddled(
            &self.meddler.checkpoint,
            answer.into_inner(),
        )))
    }

    type ReplayStream = Answers<v1::ReplayResponse>;
    async fn replay(&self, _: Request<v1::ReplayRequest>) -> Result<Response<Self::ReplayStream>, Status> {
        not_here()
    }

    async fn prove_inclusion(
        &self,
        _: Request<v1::ProveInclusionRequest>,
    ) -> Result<Response<v1::ProveInclusionResponse>, Status> {
        not_here()
    }

    async fn prove_consistency(
        &self,
        request: Request<v1::ProveConsistencyRequest>,
    ) -> Result<Response<v1::ProveConsistencyResponse>, Status> {
        refusing(&self.meddler.unproven, request.get_ref())?;
        let proven = match self.meddler.proving.lock().unwrap().as_mut() {
            Some(prove) => prove(request.get_ref()),
            None => None,
        };
        if let Some(proven) = proven {
            return Ok(Response::new(proven));
        }
        AuditClient::new(self.honest.clone())
            .prove_consistency(request.into_inner())
            .await
    }

    async fn get_evidence(
        &self,
        request: Request<v1::GetEvidenceRequest>,
    ) -> Result<Response<v1::GetEvidenceResponse>, Status> {
        let answer = AuditClient::new(self.honest.clone())
            .get_evidence(request.into_inner())
            .await?;
        Ok(Response::new(meddled(
            &self.meddler.evidence,
            answer.into_inner(),
        )))
    }

    async fn find_cosigned(
        &self,
        request: Request<v1::FindCosignedRequest>,
    ) -> Result<Response<v1::FindCosignedResponse>, Status> {
        AuditClient::new(self.honest.clone())
            .find_cosigned(request.into_inner())
            .await
    }
}
