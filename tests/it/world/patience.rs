//! Waiting for what another task, thread or process shows: asked again and again, and never for ever.

use std::time::Duration;

/// Longer than anything that comes takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

const PAUSE: Duration = Duration::from_millis(5);

/// What is shown, as soon as it is. `what`: what is waited for, for whoever reads that it never came.
pub async fn until<T>(bound: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let shown = tokio::time::timeout(bound, async {
        loop {
            if let Some(shown) = look().await {
                return shown;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    shown
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {} s", bound.as_secs()))
}

/// The same where no runtime is.
pub fn until_blocking<T>(bound: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(shown) = look() {
            return shown;
        }
        assert!(
            began.elapsed() < bound,
            "{what}: not within {} s",
            bound.as_secs()
        );
        std::thread::sleep(PAUSE);
    }
}
