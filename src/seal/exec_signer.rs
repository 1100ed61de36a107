//! A signer that is a program: `signer = "exec:CMD"` lets a key stay in a token.
//!
//! CMD is split at white space, no shell is involved; it is run with the arguments `ROLE KEYID` added, gets the PAE
//! on its standard input and prints the signature: 64 raw bytes, 128 hex digits, or base64. Its standard
//! error is the caller's, so that it can ask for a touch or a PIN.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::domain::KeyRole;
use crate::limits;
use crate::seal::{PublicKey, Signer, SignerError};

/// Runs a program for each signature, one after another or several at once.
#[derive(Debug, Clone)]
pub struct ExecSigner {
    program: String,
    arguments: Vec<String>,
    /// Which key, as it is told to the program.
    key_name: &'static str,
    public_key: PublicKey,
    timeout_ms: u64,
}

impl ExecSigner {
    /// Reads `exec:CMD`; `public_key` is the key that the program is expected to sign with.
    pub fn parse(spec: &str, role: KeyRole, public_key: PublicKey) -> Result<Self, SignerError> {
        Self::named(spec, role.as_str(), public_key)
    }

    /// The same for a log's key, which has no role: the program is run with `log KEYID`, and gets the text of a note.
    pub fn of_log(spec: &str, public_key: PublicKey) -> Result<Self, SignerError> {
        Self::named(spec, "log", public_key)
    }

    fn named(spec: &str, key_name: &'static str, public_key: PublicKey) -> Result<Self, SignerError> {
        let command = spec.strip_prefix("exec:").ok_or(SignerError::Command)?;
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next().ok_or(SignerError::Command)?;
        Ok(Self {
            program,
            arguments: words.collect(),
            key_name,
            public_key,
            timeout_ms: limits::EXEC_SIGNER_MS_MAX,
        })
    }

    /// The same signer with a shorter patience.
    #[must_use]
    pub fn with_timeout_ms(mut self, timeout_ms: u64) -> Self {
        self.timeout_ms = timeout_ms.min(limits::EXEC_SIGNER_MS_MAX);
        self
    }

    async fn run(&self, pae: &[u8]) -> Result<(ExitStatus, Vec<u8>), std::io::Error> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(self.key_name)
            .arg(self.public_key.keyid().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program that closes its input early fails by its exit code or its signature, not here.
                let _ = stdin.write_all(pae).await;
            }
        };
        let read = async {
            let mut output = Vec::new();
            if let Some(stdout) = stdout {
                // One byte more than allowed, which then is no signature.
                let bound = u64::try_from(limits::EXEC_SIGNER_OUTPUT_BYTES_MAX).unwrap_or(u64::MAX);
                stdout
                    .take(bound.saturating_add(1))
                    .read_to_end(&mut output)
                    .await?;
            }
            Ok::<_, std::io::Error>(output)
        };
        let ((), output) = tokio::join!(write, read);
        let output = output?;
        Ok((child.wait().await?, output))
    }
}

#[async_trait]
impl Signer for ExecSigner {
    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    async fn sign(&self, pae: &[u8]) -> Result<[u8; 64], SignerError> {
        let patience = Duration::from_millis(self.timeout_ms);
        let (status, output) = tokio::time::timeout(patience, self.run(pae))
            .await
            .map_err(|_| SignerError::TimedOut(self.timeout_ms))?
            .map_err(SignerError::Run)?;
        if !status.success() {
            return Err(SignerError::Failed(status));
        }
        let sig = parse_signature(&output).ok_or(SignerError::Output)?;
        self.public_key
            .verify(pae, &sig)
            .map_err(|_| SignerError::BadSignature(self.public_key.keyid()))?;
        Ok(sig)
    }
}

/// 64 bytes are the signature itself; else it is text, with white space around it allowed.
fn parse_signature(output: &[u8]) -> Option<[u8; 64]> {
    if let Ok(raw) = output.try_into() {
        return Some(raw);
    }
    if output.len() > limits::EXEC_SIGNER_OUTPUT_BYTES_MAX {
        return None;
    }
    let text = output.trim_ascii();
    let mut sig = [0u8; 64];
    if hex::decode_to_slice(text, &mut sig).is_ok() {
        return Some(sig);
    }
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::seal::SecretKey;
    use std::path::Path;

    const PAE: &[u8] = b"DSSEv1 0  0 ";

    fn secret() -> SecretKey {
        SecretKey::from_seed(&[6; 32])
    }

    /// A signer that runs `script` with `sh`, from `directory`.
    fn signer(directory: &Path, script: &str) -> ExecSigner {
        let path = directory.join("sign.sh");
        std::fs::write(&path, script).unwrap();
        let spec = format!("exec:sh {}", path.display());
        ExecSigner::parse(&spec, KeyRole::Officer, secret().public_key()).unwrap()
    }

    /// The program gets the PAE, its role and key id, and its signature is taken raw, as hex and as base64.
    #[tokio::test]
    async fn a_program_signs() {
        let directory = tempfile::tempdir().unwrap();
        let sig = secret().sign(PAE);
        for (name, printed) in [
            ("raw", sig.to_vec()),
            ("hex", hex::encode(sig).into_bytes()),
            ("hex line", format!("{}\n", hex::encode_upper(sig)).into_bytes()),
            (
                "base64 line",
                format!("{}\r\n", BASE64_STANDARD.encode(sig)).into_bytes(),
            ),
        ] {
            let output = directory.path().join("output");
            std::fs::write(&output, printed).unwrap();
            let got = directory.path().join("got");
            let script = format!(
                "cat > {0}; echo $1 $2 >> {0}; cat {1}",
                got.display(),
                output.display()
            );
            let signed = signer(directory.path(), &script).sign(PAE).await;
            assert_eq!(signed.unwrap(), sig, "{name}");
            let expected = format!("DSSEv1 0  0 officer {}\n", secret().public_key().keyid());
            assert_eq!(std::fs::read_to_string(&got).unwrap(), expected, "{name}");
        }
    }

    /// A program that fails, prints no signature, prints without end or signs something else gives its own error;
    /// that it leaves its input unread hangs nobody.
    #[tokio::test]
    async fn a_program_that_does_not_sign_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let large = vec![b'x'; limits::PAYLOAD_BYTES_MAX + 1024];
        let other = hex::encode(secret().sign(b"something else"));
        type Expected = fn(&SignerError) -> bool;
        let table: [(String, Expected); 5] = [
            ("exit 3".to_owned(), |e| matches!(e, SignerError::Failed(_))),
            ("cat > /dev/null".to_owned(), |e| matches!(e, SignerError::Output)),
            ("echo no signature".to_owned(), |e| {
                matches!(e, SignerError::Output)
            }),
            ("exec cat /dev/zero".to_owned(), |e| {
                matches!(e, SignerError::Failed(_))
            }),
            (format!("echo {other}"), |e| {
                matches!(e, SignerError::BadSignature(_))
            }),
        ];
        for (script, expected) in table {
            let refused = signer(directory.path(), &script).sign(&large).await.unwrap_err();
            assert!(expected(&refused), "{script}: {refused}");
        }
    }

    /// A program that never answers is given up.
    #[tokio::test]
    async fn a_program_that_hangs_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let signer = signer(directory.path(), "exec sleep 3600").with_timeout_ms(1);
        assert!(matches!(signer.sign(PAE).await, Err(SignerError::TimedOut(1))));
    }

    /// A specification without a command, or of another form, is refused; a missing program is told.
    #[tokio::test]
    async fn a_wrong_command_is_refused() {
        let parse = |spec| ExecSigner::parse(spec, KeyRole::Officer, secret().public_key());
        for spec in ["", "exec:", "exec:  ", "sh sign.sh", "file:key.pem"] {
            assert!(matches!(parse(spec), Err(SignerError::Command)), "{spec:?}");
        }
        let missing = parse("exec:/no/such/program").unwrap();
        assert!(matches!(missing.sign(PAE).await, Err(SignerError::Run(_))));
    }
}
