//! What a bundle opens of what is sealed in it: each text is held to the commitment that was signed to it, and read as one in
//! clear is. Whoever has no key can check that; what stays sealed is checked by its digest alone.

use super::super::bundle::{Bundle, BundleFault};
use super::history::ThreadRecord;
use crate::domain::{Body, DetachedPart, Form, PartReference, Warning};
use crate::error::Refused;
use crate::seal::plaintext_commitment;
use crate::wire;

/// The body, if the bundle opens it.
pub(super) fn body(bundle: &Bundle, header: &Warning) -> Result<Option<Body>, BundleFault> {
    let Some(opened) = &bundle.opened.body else {
        return Ok(None);
    };
    held(
        "opened.body",
        opened,
        &header.body,
        bundle.body.is_some(),
        wire::body,
    )
    .map(Some)
}

/// Puts each text that the bundle opens beside the answer that it goes with.
pub(super) fn texts(bundle: &Bundle, events: &mut [ThreadRecord]) -> Result<(), BundleFault> {
    for (number, (index, opened)) in bundle.opened.texts.iter().enumerate() {
        let part = format!("opened.texts[{number}]");
        let found = events.iter_mut().find(|event| event.entry.index == *index);
        let place = found.and_then(|event| Some((event.thread, event.said.as_mut()?)));
        let Some((thread, (said, text))) = place else {
            let why = "no answer in this file has this index";
            return Err(BundleFault::new(format!("{part}.index"), why));
        };
        let Some(signed) = &said.text else {
            return Err(BundleFault::new(part, "its answer was signed without a text"));
        };
        let sealed = bundle.threads.get(thread).map(|thread| &thread.texts);
        let is_there = sealed.is_some_and(|all| all.iter().any(|(of, _)| of == index));
        *text = Some(held(&part, opened, signed, is_there, wire::text)?);
    }
    Ok(())
}

/// What was sealed is what was signed, and it can be read.
fn held<T>(
    part: &str,
    opened: &DetachedPart,
    signed: &PartReference,
    is_there: bool,
    read: fn(&[u8]) -> Result<T, Refused>,
) -> Result<T, BundleFault> {
    let fault = |why: &str| Err(BundleFault::new(part, why));
    match signed.form {
        Form::Clear => return fault("it opens what was signed in clear"),
        Form::Sealed if !is_there => return fault("what it opens is not in this file"),
        Form::Sealed => {}
    }
    let commitment = plaintext_commitment(&opened.salt, &opened.content);
    if signed.plaintext_commitment != Some(commitment) {
        return fault("it is another text than the one that was signed and sealed");
    }
    read(&opened.content).map_err(|refused| BundleFault::new(part, refused))
}
