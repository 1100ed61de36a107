//! `Operator`: what the relay's operators do, and how they see it.

use tonic::{Request, Response, Status};

use super::caller::caller;
use super::{Edge, convert};
use crate::relay::{AgencyStatus, DeskStatus, QuorumStatus, WitnessStatus};
use crate::time::Timestamp;
use crate::wire::{self, v1};

/// The service.
pub(super) struct Service(pub(super) Edge);

#[tonic::async_trait]
impl v1::operator_server::Operator for Service {
    async fn enrol_state(
        &self,
        request: Request<v1::EnrolStateRequest>,
    ) -> Result<Response<v1::EnrolStateResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let enrolment = wire::required_as(request.enrolment, "enrolment")?;
        let root = wire::required_as(request.root_certificate, "root_certificate")?;
        let proven = self.0.relay.enrol_state(&caller, enrolment, root).await?;
        Ok(Response::new(v1::EnrolStateResponse {
            receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
            repeated: proven.repeated,
        }))
    }

    async fn enrol_agency(
        &self,
        request: Request<v1::EnrolAgencyRequest>,
    ) -> Result<Response<v1::EnrolAgencyResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let enrolment = wire::required_as(request.enrolment, "enrolment")?;
        let certificates = request
            .certificates
            .into_iter()
            .map(|certificate| wire::required_as(Some(certificate), "certificates"))
            .collect::<Result<_, _>>()?;
        let proven = self
            .0
            .relay
            .enrol_agency(&caller, enrolment, certificates)
            .await?;
        Ok(Response::new(v1::EnrolAgencyResponse {
            receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
            keys: proven.more.iter().map(v1::Receipt::from).collect(),
            repeated: proven.repeated,
        }))
    }

    async fn suspend_agency(
        &self,
        request: Request<v1::SuspendAgencyRequest>,
    ) -> Result<Response<v1::SuspendAgencyResponse>, Status> {
        let caller = caller(&request)?;
        let envelope = wire::required_as(request.into_inner().envelope, "envelope")?;
        let proven = self.0.relay.suspend(&caller, envelope).await?;
        Ok(Response::new(v1::SuspendAgencyResponse {
            receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
            repeated: proven.repeated,
        }))
    }

    async fn reinstate_agency(
        &self,
        request: Request<v1::ReinstateAgencyRequest>,
    ) -> Result<Response<v1::ReinstateAgencyResponse>, Status> {
        let caller = caller(&request)?;
        let envelope = wire::required_as(request.into_inner().envelope, "envelope")?;
        let proven = self.0.relay.reinstate(&caller, envelope).await?;
        Ok(Response::new(v1::ReinstateAgencyResponse {
            receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
            repeated: proven.repeated,
        }))
    }

    async fn publish_operator_key(
        &self,
        request: Request<v1::PublishOperatorKeyRequest>,
    ) -> Result<Response<v1::PublishOperatorKeyResponse>, Status> {
        let caller = caller(&request)?;
        let envelope = wire::required_as(request.into_inner().envelope, "envelope")?;
        let proven = self.0.relay.publish_operator_key(&caller, envelope).await?;
        Ok(Response::new(v1::PublishOperatorKeyResponse {
            receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
            repeated: proven.repeated,
        }))
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let caller = caller(&request)?;
        let status = self.0.relay.status(&caller).await?;
        Ok(Response::new(v1::GetStatusResponse {
            checkpoint: convert::note(&status.checkpoint),
            version: status.version,
            origin: status.origin.to_string(),
            started_unix_ms: status.started.unix_ms(),
            sessions: count(status.sessions),
            disk_free_bytes: (self.0.disk_free_bytes)(),
            queued: count(status.queued),
            index_lag: status.index_lag,
            agencies: status.agencies.into_iter().map(agency).collect(),
            draining: status.draining,
            quorum: status
                .witnesses
                .as_ref()
                .and_then(|all| all.quorum.as_ref())
                .map(quorum),
            witnesses: status
                .witnesses
                .map(|all| all.witnesses.into_iter().map(witness).collect())
                .unwrap_or_default(),
        }))
    }
}

fn quorum(status: &QuorumStatus) -> v1::QuorumStatus {
    v1::QuorumStatus {
        met: status.met,
        size: status.size,
        time_unix_ms: status.time.map_or(0, Timestamp::unix_ms),
    }
}

fn witness(status: WitnessStatus) -> v1::WitnessStatus {
    v1::WitnessStatus {
        name: status.name,
        size: status.size,
        cosigned_unix_ms: status.cosigned.map_or(0, Timestamp::unix_ms),
        error: status.error,
    }
}

fn agency(status: AgencyStatus) -> v1::AgencyStatus {
    v1::AgencyStatus {
        agency: status.agency.to_string(),
        name: status.name,
        suspended: status.suspended,
        desks: status.desks.into_iter().map(desk).collect(),
    }
}

fn desk(status: DeskStatus) -> v1::DeskStatus {
    v1::DeskStatus {
        desk: status.desk.to_string(),
        sessions: count(status.sessions),
        waiting: status.waiting,
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
