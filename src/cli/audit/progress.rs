//! How far an audit is, for a person who waits: a bar on a terminal's standard error, and the sentences that say where it began.
//! Nothing of it is shown with `--json`, or where nobody looks.

use std::fmt::Write;
use std::io::{self, IsTerminal as _};
use std::ops::Range;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::audit::{Again, Begin, Watch};
use crate::cli::{Context, Fault};
use crate::domain::{Record, ReplayedRecord};
use crate::transparency::SignedCheckpoint;

/// How often the bar is drawn, in a second.
const DRAWN_HZ: u8 = 5;
/// The bar moves after so many records: drawing is not what an audit is for.
const STEP: u64 = 64;

/// Somebody who follows an audit, with a bar beside.
pub(super) struct Told<W> {
    inner: W,
    /// Indexes that are printed on the terminal that has the bar.
    printed: Range<u64>,
    shows: bool,
    json: bool,
    bar: Option<ProgressBar>,
}

impl<W> Told<W> {
    /// Follows with somebody who prints nothing.
    pub(super) fn new(context: &Context, inner: W) -> Self {
        Self::printing(context, 0..0, inner)
    }

    /// With somebody who prints these indexes on standard output. Only for them is the bar taken away and drawn again: that
    /// costs more than a record's verification.
    pub(super) fn printing(context: &Context, indexes: Range<u64>, inner: W) -> Self {
        let printed = match io::stdout().is_terminal() {
            true => indexes,
            false => 0..0,
        };
        Self {
            inner,
            printed,
            shows: !context.json && io::stderr().is_terminal(),
            json: context.json,
            bar: None,
        }
    }
}

impl<W> Drop for Told<W> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl<W: Watch<Fault>> Watch<Fault> for Told<W> {
    fn begins(&mut self, begin: Begin, checkpoint: &SignedCheckpoint) -> Result<(), Fault> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if !self.json
            && let Some(sentence) = sentence(begin)
        {
            eprintln!("{sentence}");
        }
        if self.shows {
            self.bar = Some(bar(begin, checkpoint.size()));
        }
        self.inner.begins(begin, checkpoint)
    }

    fn passed(&mut self, shown: &ReplayedRecord, record: Option<&Record>) -> Result<(), Fault> {
        if let Some(bar) = &self.bar
            && shown.index.is_multiple_of(STEP)
        {
            bar.set_position(shown.index);
        }
        match &self.bar {
            // What is printed does not run into the bar.
            Some(bar) if self.printed.contains(&shown.index) => {
                bar.suspend(|| self.inner.passed(shown, record))
            }
            Some(_) | None => self.inner.passed(shown, record),
        }
    }
}

fn bar(begin: Begin, size: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr_with_hz(DRAWN_HZ));
    let template = "{wide_bar} {human_pos} of {human_len} records, {speed}/s, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        let speed = |state: &ProgressState, text: &mut dyn Write| {
            // A column that cannot be written is left out.
            let _ = write!(text, "{:.0}", state.per_sec());
        };
        bar.set_style(style.with_key("speed", speed));
    }
    if let Begin::Resumed(size) = begin {
        // The rate is this run's.
        bar.set_position(size);
        bar.reset_eta();
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Where it began, if that is worth a word.
fn sentence(begin: Begin) -> Option<String> {
    Some(match begin {
        Begin::Start => return None,
        Begin::Resumed(size) => {
            format!("Going on after the {size} records that an earlier run has verified.")
        }
        Begin::Again(Again::Fault) => {
            "Going on from what is kept, something did not verify: beginning anew, to be certain.".to_owned()
        }
        Begin::Again(Again::Scope) => {
            "More is yours to see than when it was verified before: beginning anew.".to_owned()
        }
        Begin::Again(Again::Longer) => {
            "What is kept is of a longer log than this one: beginning anew, without it.".to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a beginning that somebody may wonder about is told of.
    #[test]
    fn what_is_told_of_the_beginning() {
        assert_eq!(sentence(Begin::Start), None);
        let resumed = sentence(Begin::Resumed(7)).unwrap_or_default();
        assert!(resumed.contains("7 records"), "{resumed}");
        for again in [Again::Fault, Again::Scope, Again::Longer] {
            let told = sentence(Begin::Again(again)).unwrap_or_default();
            assert!(told.contains("beginning anew"), "{told}");
        }
    }
}
