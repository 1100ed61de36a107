//! What the relay keeps of what warnings and answers say, how, and until when. Each stored part is encrypted under the key
//! of its retention bucket ([`at_rest`]); the keys lie in a file of their own ([`crate::retention`]), so that destroying one erases
//! every copy of what it encrypts: in the journal's old segments, and in each backup without that file. That is done
//! by rules ([`eraser`]), and each erasure is a record.

pub(super) mod at_rest;
pub(super) mod clock;
pub(super) mod eraser;
pub(super) mod held;
