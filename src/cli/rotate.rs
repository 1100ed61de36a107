//! `wardline keys rotate`: one step after another of putting a new key in an old one's place; whoever types the same again goes
//! on where it was left.

use serde_json::json;

use super::session::{open, profile};
use super::{Context, Exit, Fault, invocation};
use crate::client::keys::{AGENCY_ROLES, OPERATOR_ROLES, Rotation, RotationStage, certificate_path};
use crate::client::{Client, Settings, SignerSetting};
use crate::domain::{KeyRole, Principal, RevocationReason};
use crate::seal::{Fingerprint, SealSuite};
use crate::time::{Clock as _, SystemClock};

pub(super) async fn run(
    role: KeyRole,
    suite: Option<SealSuite>,
    finish: bool,
    context: &Context,
) -> Result<Exit, Fault> {
    let profile = profile(context)?;
    let settings = Settings::read(&profile).map_err(Fault::usage)?;
    let rotated = match settings.principal {
        Principal::Agency(_) => AGENCY_ROLES.contains(&role),
        Principal::Operator(_) => OPERATOR_ROLES.contains(&role),
        Principal::Root(_) => false,
    };
    if !rotated {
        return Err(Fault::usage(format!(
            "{} rotates no {role} key here",
            settings.principal
        )));
    }
    if role.signs() && settings.signer != SignerSetting::File {
        return Err(Fault::usage(
            "the keys of this profile are in a token, which makes its own: have its new key certified and publish that, then replace keys/ROLE.pub",
        ));
    }
    if suite.is_some() && role != KeyRole::Seal {
        return Err(Fault::usage(format!("a {role} key has no suite to choose")));
    }
    let rotation = Rotation::of(&profile, role);
    // Before the profile is opened: its TLS key may be half replaced.
    rotation.settle()?;
    let stage = match rotation.stage()? {
        Some(stage) => stage,
        None if finish => {
            return Err(Fault::refused(format!("no {role} key is being rotated")));
        }
        None => {
            let origin = settings.log.origin();
            rotation
                .begin(&settings.principal, origin, suite, SystemClock.now())
                .await?
        }
    };
    if let Some(suite) = suite {
        let (RotationStage::Requested(begun)
        | RotationStage::Certified(begun)
        | RotationStage::Switched(begun)) = &stage;
        if begun.certificate.public_key.first() != Some(&suite.byte()) {
            return Err(Fault::refused(format!(
                "the new key of the rotation that has begun is not one of {suite}: end it first"
            )));
        }
    }
    let program = invocation::with_profile(context);
    match stage {
        RotationStage::Requested(request) => {
            let object = json!({
                "role": role.as_str(),
                "stage": "requested",
                "keyid": request.keyid.to_string(),
                "fingerprint": request.fingerprint().to_string(),
                "file": request.file,
            });
            let text = format!(
                "a new {role} key waits for its certificate\n    {}\n    {}\n    {}\nTake the request to the root (wardline keys certify --root DIR {}), put {} beside it, then go on: {program} keys rotate {role}",
                request.fingerprint(),
                request.keyid,
                request.file.display(),
                request.file.display(),
                certificate_path(&request.file).display(),
            );
            context.emit(&object, text)?;
            if finish {
                return Err(Fault::refused(
                    "the new key is not in use yet: nothing was revoked",
                ));
            }
        }
        RotationStage::Certified(_) if finish => {
            return Err(Fault::refused(
                "the new key is not in use yet: nothing was revoked",
            ));
        }
        RotationStage::Certified(certificate) => {
            let client = open(context)?;
            client.follow_directory().await?;
            let known = client.known_directory().await;
            match known.directory().key(&certificate.keyid) {
                Some(entry) if entry.until.is_some() => {
                    let why = format!(
                        "the new {role} key {} is revoked already: it is not taken into use",
                        certificate.keyid
                    );
                    let next = format!("Remove {} and rotate anew.", rotation.path().display());
                    return Err(Fault::refused(why).advising(next));
                }
                Some(_) => {}
                None => {
                    match settings.principal {
                        Principal::Operator(_) => client.publish_operator_key(&certificate.envelope).await?,
                        Principal::Agency(_) | Principal::Root(_) => {
                            client.publish_key(&certificate.envelope).await?
                        }
                    };
                }
            }
            rotation.switch()?;
            let old = rotation.old_keyid()?;
            let object = json!({
                "role": role.as_str(),
                "stage": "switched",
                "keyid": certificate.keyid.to_string(),
                "fingerprint": certificate.fingerprint().to_string(),
                "old_keyid": old.to_string(),
            });
            let text = format!(
                "a new {role} key is on the record and in use\n    {}\n    {}\nThe old one {old} is still valid: restart what still uses it, then revoke it: {program} keys rotate {role} --finish",
                certificate.fingerprint(),
                certificate.keyid
            );
            context.emit(&object, text)?;
        }
        RotationStage::Switched(_) if !finish => {
            let old = rotation.old_keyid()?;
            let object = json!({ "role": role.as_str(), "stage": "switched", "old_keyid": old.to_string() });
            let text = format!(
                "the new {role} key is in use; revoke the old one {old}: {program} keys rotate {role} --finish"
            );
            context.emit(&object, text)?;
        }
        RotationStage::Switched(_) => return end(&rotation, role, &open(context)?, context).await,
    }
    Ok(Exit::Done)
}

/// Revokes the old key, by itself, by its operator, or says how its root does.
async fn end(rotation: &Rotation, role: KeyRole, client: &Client, context: &Context) -> Result<Exit, Fault> {
    client.follow_directory().await?;
    let known = client.known_directory().await;
    let old = rotation.old_keyid()?;
    let ended = known.directory().key(&old).is_none_or(|key| key.until.is_some());
    if !ended {
        match &client.settings().principal {
            Principal::Agency(agency) if !role.signs() => {
                return Err(Fault::refused(format!(
                    "a {role} key signs nothing, so the root revokes it: {}\n    {old}",
                    Fingerprint::of(&old)
                ))
                .advising(format!(
                    "At the root: wardline keys revoke --root DIR --agency {agency} --reason superseded --out FILE {old}. Then wardline directory publish FILE, and this again."
                )));
            }
            Principal::Agency(_) => {
                client
                    .revoke_by(&rotation.old_signer()?, role, old, RevocationReason::Superseded)
                    .await?;
            }
            Principal::Operator(_) | Principal::Root(_) => {
                client.revoke(old, RevocationReason::Superseded).await?;
            }
        }
    }
    rotation.end()?;
    let kept = rotation.keeps_earlier();
    let object = json!({
        "role": role.as_str(),
        "stage": "finished",
        "old_keyid": old.to_string(),
        "kept": kept,
    });
    let text = match &kept {
        Some(directory) => format!(
            "the old {role} key {old} is revoked, and is kept in {} for what was sealed to it",
            directory.display()
        ),
        None => format!("the old {role} key {old} is revoked, and is not kept any more"),
    };
    context.emit(&object, text)?;
    Ok(Exit::Done)
}
