//! The one binary: `wardline relay` is the daemon, the rest are commands. All of it lives in the library.

fn main() -> std::process::ExitCode {
    wardline::cli::run()
}
