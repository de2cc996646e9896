//! The vault's masks, as the agent asks for them.

use agent::{Mask, StreamMask};
use vault::{Masker, StreamMasker};

/// Masks the secret values of one session.
#[derive(Debug)]
pub(crate) struct SecretMask(pub(crate) Masker);

impl Mask for SecretMask {
    fn mask(&self, text: &str) -> String {
        self.0.mask(text)
    }

    fn stream(&self) -> Box<dyn StreamMask> {
        Box::new(SecretStream(self.0.stream()))
    }
}

#[derive(Debug)]
struct SecretStream(StreamMasker);

impl StreamMask for SecretStream {
    fn push(&mut self, text: &str) -> String {
        self.0.push(text)
    }

    fn finish(&mut self) -> String {
        self.0.finish()
    }
}
