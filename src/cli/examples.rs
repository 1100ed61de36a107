//! The examples, compiled in: the demo and a dev relay work wherever the binary is. Each is an exercise, modelled on public
//! facts; the first line of each says who sends it.

/// One example.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The file's name in `examples/warnings`.
    pub file: &'static str,
    /// The draft, in YAML.
    pub text: &'static str,
}

macro_rules! examples {
    ($($file:literal)+) => {
        /// All of them, in the order in which the demo sends them.
        pub const EXAMPLES: &[Example] = &[$(Example {
            file: $file,
            text: include_str!(concat!("../../examples/warnings/", $file)),
        }),+];
    };
}
examples! {
    "moscow-2024-concert-hall.yaml"
    "kerman-2024-memorial.yaml"
    "istanbul-2024-church.yaml"
    "brussels-2016-airport-metro.yaml"
    "ankara-paris-2015-question.yaml"
    "kabul-2022-hotel.yaml"
    "london-2017-notice.yaml"
    "airline-1988-bulletin.yaml"
}

impl Example {
    /// The agency that the first line names.
    pub fn sender(&self) -> Option<&'static str> {
        let line = self.text.lines().next()?.strip_prefix("# Sender: ")?;
        line.split_once(". ").map(|(sender, _)| sender)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::client::Draft;
    use crate::domain::{AgencyId, Status};

    /// Every file of the directory is compiled in, names its sender, and is an exercise that would be accepted.
    #[test]
    fn every_example_is_here_and_good() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/warnings");
        let files: BTreeSet<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let here: BTreeSet<String> = EXAMPLES.iter().map(|example| example.file.to_owned()).collect();
        assert_eq!(files, here);
        for example in EXAMPLES {
            let sender = example.sender().unwrap();
            assert!(sender.parse::<AgencyId>().is_ok(), "{}: {sender}", example.file);
            assert_eq!(Draft::parse(example.text).unwrap().status, Status::Exercise);
        }
    }
}
