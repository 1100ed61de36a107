//! What changes the directory, signed by whoever the rules ask for; each closure may spoil it first.

use wardline::domain::*;
use wardline::seal::{PayloadKind, SecretKey};
use wardline::wire;

use super::{World, parsed};

/// The state whose root certifies an agency.
pub fn root_of(agency: &str) -> String {
    format!("root:{}", parsed::<AgencyId>(agency).state())
}

impl World {
    /// The key of the log.
    pub fn log_key() -> SecretKey {
        SecretKey::from_seed(&[7; 32])
    }

    /// A genesis with these operators, each with a signing and a TLS key.
    pub fn genesis(&mut self, operators: &[&str]) -> Genesis {
        let mut operator_certificates = Vec::new();
        for name in operators {
            let operator = format!("operator:{name}");
            operator_certificates.push(self.certificate(&operator, KeyRole::Operator, 0, &operator, |_| ()));
            operator_certificates.push(self.certificate(&operator, KeyRole::Tls, 0, &operator, |_| ()));
        }
        Genesis {
            origin: self.origin.clone(),
            log_public_key: *Self::log_key().public_key().as_bytes(),
            format_version: 1,
            operator_certificates,
            deadlines: vec![(
                Precedence::Flash,
                Deadlines {
                    received_ms: 120_000,
                    opened_ms: 300_000,
                    answered_ms: 600_000,
                },
            )],
            predecessor: None,
        }
    }

    /// A certificate of `principal`'s key as the rules want it, certified by `certifier` (`root:ru`, `operator:alice`).
    pub fn certificate(
        &mut self,
        principal: &str,
        role: KeyRole,
        generation: u32,
        certifier: &str,
        spoil: impl FnOnce(&mut KeyCertificate),
    ) -> SignedEnvelope {
        let mut certificate = self.certificate_content(principal, role, generation, certifier);
        spoil(&mut certificate);
        let own = World::key(principal, role, generation);
        let certifier_role = certifier_role(certifier);
        let certifying = World::key(certifier, certifier_role, self.root_generation(certifier));
        let itself = principal == certifier && role == certifier_role;
        let keys: Vec<&SecretKey> = match (role.signs(), itself) {
            (true, true) => vec![&own],
            (true, false) => vec![&own, &certifying],
            (false, _) => vec![&certifying],
        };
        World::sign(
            PayloadKind::KeyCertificate,
            wire::encode_key_certificate(&certificate),
            &keys,
        )
    }

    /// The content of such a certificate.
    pub fn certificate_content(
        &mut self,
        principal: &str,
        role: KeyRole,
        generation: u32,
        certifier: &str,
    ) -> KeyCertificate {
        let mut common = self.common(certifier, certifier_role(certifier));
        super::signer_mut(&mut common).seen = None;
        KeyCertificate {
            common,
            principal: parsed(principal),
            role,
            public_key: World::public_key(principal, role, generation),
            label: format!("{role} {generation}"),
            extensions: Vec::new(),
        }
    }

    /// Roots are succeeded rarely: tests that do so sign with the generation that they mean.
    fn root_generation(&self, _certifier: &str) -> u32 {
        0
    }

    /// A state's enrolment by an operator, and its root's certificate.
    pub fn state(&mut self, operator: &str, state: &str) -> (SignedEnvelope, SignedEnvelope) {
        let root = format!("root:{state}");
        let certificate = self.certificate(&root, KeyRole::Root, 0, &root, |_| ());
        let enrolment = StateEnrolment {
            common: self.common(&format!("operator:{operator}"), KeyRole::Operator),
            state: parsed(state),
            root_certificate_digest: certificate.digest(),
            home_origin: String::new(),
            extensions: Vec::new(),
        };
        (self.sign_state(operator, &enrolment), certificate)
    }

    /// Signs a state's enrolment.
    pub fn sign_state(&self, operator: &str, enrolment: &StateEnrolment) -> SignedEnvelope {
        let key = World::key(&format!("operator:{operator}"), KeyRole::Operator, 0);
        World::sign(
            PayloadKind::StateEnrolment,
            wire::encode_state_enrolment(enrolment),
            &[&key],
        )
    }

    /// An agency's enrolment with the first key of each role.
    pub fn agency(
        &mut self,
        operator: &str,
        agency: &str,
        kind: AgencyKind,
        roles: &[KeyRole],
    ) -> (SignedEnvelope, Vec<SignedEnvelope>) {
        let root = root_of(agency);
        let certificates: Vec<_> = roles
            .iter()
            .map(|role| self.certificate(agency, *role, 0, &root, |_| ()))
            .collect();
        let envelope = self.agency_enrolment(operator, agency, kind, &certificates, |_| ());
        (envelope, certificates)
    }

    /// An agency's enrolment with these certificates.
    pub fn agency_enrolment(
        &mut self,
        operator: &str,
        agency: &str,
        kind: AgencyKind,
        certificates: &[SignedEnvelope],
        spoil: impl FnOnce(&mut AgencyEnrolment),
    ) -> SignedEnvelope {
        let operator = format!("operator:{operator}");
        let mut enrolment = AgencyEnrolment {
            common: self.common(&operator, KeyRole::Operator),
            agency: parsed(agency),
            name: format!("The service {agency}"),
            kind,
            certificate_digests: certificates.iter().map(SignedEnvelope::digest).collect(),
            home_origin: String::new(),
            extensions: Vec::new(),
        };
        spoil(&mut enrolment);
        let key = World::key(&operator, KeyRole::Operator, 0);
        World::sign(
            PayloadKind::AgencyEnrolment,
            wire::encode_agency_enrolment(&enrolment),
            &[&key],
        )
    }

    /// A revocation of `principal`'s key, by `signer`'s key of `role`.
    pub fn revocation(
        &mut self,
        signer: &str,
        role: KeyRole,
        principal: &str,
        keyid: KeyId,
    ) -> SignedEnvelope {
        let revocation = KeyRevocation {
            common: self.common(signer, role),
            principal: parsed(principal),
            keyid,
            reason: RevocationReason::Compromised,
            extensions: Vec::new(),
        };
        let key = World::key(signer, role, 0);
        World::sign(
            PayloadKind::KeyRevocation,
            wire::encode_key_revocation(&revocation),
            &[&key],
        )
    }

    /// A root's succession from one generation to the next.
    pub fn succession(&mut self, state: &str, from: u32) -> SignedEnvelope {
        let root = format!("root:{state}");
        let succession = RootSuccession {
            common: self.common(&root, KeyRole::Root),
            state: parsed(state),
            public_key: World::public_key(&root, KeyRole::Root, from + 1),
            extensions: Vec::new(),
        };
        let (old, new) = (
            World::key(&root, KeyRole::Root, from),
            World::key(&root, KeyRole::Root, from + 1),
        );
        World::sign(
            PayloadKind::RootSuccession,
            wire::encode_root_succession(&succession),
            &[&old, &new],
        )
    }

    /// An agency's desks.
    pub fn desks(&mut self, agency: &str, desks: &[&str]) -> SignedEnvelope {
        let desks = Desks {
            common: self.common(agency, KeyRole::Officer),
            desks: desks
                .iter()
                .map(|desk| Desk {
                    address: parsed(desk),
                    name: format!("The desk {desk}"),
                    competences: vec!["aviation-security".to_owned()],
                    languages: vec![parsed("en")],
                })
                .collect(),
            extensions: Vec::new(),
        };
        let key = World::key(agency, KeyRole::Officer, 0);
        World::sign(PayloadKind::Desks, wire::encode_desks(&desks), &[&key])
    }

    /// An agency's mandate for an auditor.
    pub fn mandate(&mut self, agency: &str, auditor: &str, withdrawn: bool) -> SignedEnvelope {
        let mandate = Mandate {
            common: self.common(agency, KeyRole::Officer),
            auditor: parsed(auditor),
            withdrawn,
            extensions: Vec::new(),
        };
        let key = World::key(agency, KeyRole::Officer, 0);
        World::sign(PayloadKind::Mandate, wire::encode_mandate(&mandate), &[&key])
    }

    /// A hold of an auditor: of these warnings, or all, of these agencies, or all that admit it.
    pub fn hold(
        &mut self,
        auditor: &str,
        until_ms: i64,
        warnings: &[Digest],
        agencies: &[&str],
    ) -> SignedEnvelope {
        let common = self.common(auditor, KeyRole::Officer);
        let hold = Hold {
            until: common.sent.saturating_add_ms(until_ms),
            common,
            reason: "an inquiry".to_owned(),
            warnings: warnings.to_vec(),
            agencies: agencies.iter().map(|agency| parsed(agency)).collect(),
            extensions: Vec::new(),
        };
        let key = World::key(auditor, KeyRole::Officer, 0);
        World::sign(PayloadKind::Hold, wire::encode_hold(&hold), &[&key])
    }

    /// A suspension, or with `ends` a reinstatement.
    pub fn suspension(&mut self, operator: &str, agency: &str, ends: bool) -> SignedEnvelope {
        let operator = format!("operator:{operator}");
        let suspension = Suspension {
            common: self.common(&operator, KeyRole::Operator),
            agency: parsed(agency),
            reason: "a test".to_owned(),
            extensions: Vec::new(),
        };
        let key = World::key(&operator, KeyRole::Operator, 0);
        match ends {
            false => World::sign(
                PayloadKind::Suspension,
                wire::encode_suspension(&suspension),
                &[&key],
            ),
            true => World::sign(
                PayloadKind::Reinstatement,
                wire::encode_reinstatement(&suspension),
                &[&key],
            ),
        }
    }
}

fn certifier_role(certifier: &str) -> KeyRole {
    match parsed(certifier) {
        Principal::Root(_) => KeyRole::Root,
        Principal::Operator(_) => KeyRole::Operator,
        Principal::Agency(_) => KeyRole::Officer,
    }
}
