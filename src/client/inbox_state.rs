//! What a delivery is to this system, and what follows when it comes: a pure machine of states, so that what is signed for
//! can be read from one table. `RECEIVED` is signed only for what a session that takes warnings has handled.

/// How far this system is with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InboxState {
    /// Stored; nobody has handled it.
    Stored,
    /// A session that only looks on has shown it. Nobody has taken it, and nothing is signed for it.
    Shown,
    /// A session that takes warnings has handled it.
    Handled,
    /// `RECEIVED` was signed and its receipt verified.
    Received,
}

/// What a session is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It takes warnings: what it has handled is signed for.
    Take,
    /// It only looks on: it signs nothing, whatever others have handled.
    LookOn,
}

/// What follows from a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is given to whoever asked for deliveries.
    GiveOut,
    /// It was handled before, and the relay does not know it: `RECEIVED` is signed.
    Sign,
    /// Nothing is to be done.
    PassOver,
}

/// A delivery comes that is in this state, if it was stored before; `signing`: its `RECEIVED` is on its way.
pub(super) const fn on_delivery(purpose: Purpose, before: Option<InboxState>, signing: bool) -> Next {
    match (purpose, before) {
        (_, None | Some(InboxState::Stored)) | (Purpose::Take, Some(InboxState::Shown)) => Next::GiveOut,
        (Purpose::Take, Some(InboxState::Handled | InboxState::Received)) => {
            if signing {
                Next::PassOver
            } else {
                Next::Sign
            }
        }
        (Purpose::LookOn, Some(InboxState::Shown | InboxState::Handled | InboxState::Received)) => {
            Next::PassOver
        }
    }
}

/// Whoever was given a delivery is done with it: what it becomes.
pub(super) const fn when_done(purpose: Purpose) -> InboxState {
    match purpose {
        Purpose::Take => InboxState::Handled,
        Purpose::LookOn => InboxState::Shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InboxState::{Handled, Received, Shown, Stored};
    use Next::{GiveOut, PassOver, Sign};
    use Purpose::{LookOn, Take};

    /// Every state and purpose: a session that looks on never signs, and what was only shown is still given to one that
    /// takes warnings.
    #[test]
    fn a_table_says_what_follows() {
        for (before, taking, while_signing, looking_on) in [
            (None, GiveOut, GiveOut, GiveOut),
            (Some(Stored), GiveOut, GiveOut, GiveOut),
            (Some(Shown), GiveOut, GiveOut, PassOver),
            (Some(Handled), Sign, PassOver, PassOver),
            (Some(Received), Sign, PassOver, PassOver),
        ] {
            assert_eq!(on_delivery(Take, before, false), taking, "{before:?}");
            assert_eq!(on_delivery(Take, before, true), while_signing, "{before:?}");
            for signing in [false, true] {
                assert_eq!(on_delivery(LookOn, before, signing), looking_on, "{before:?}");
            }
        }
    }

    /// What is done with is not given out again to the same kind of session.
    #[test]
    fn what_is_done_with_is_not_given_out_again() {
        for purpose in [Take, LookOn] {
            assert_ne!(on_delivery(purpose, Some(when_done(purpose)), false), GiveOut);
        }
        assert_eq!(on_delivery(Take, Some(when_done(LookOn)), false), GiveOut);
    }
}
