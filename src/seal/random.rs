//! Randomness for keys, salts and nonces, from the operating system only.

/// The operating system gave no random bytes; nothing that needs a secret or a salt may go on.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct RandomError(#[from] getrandom::Error);

/// `N` fresh random bytes.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
