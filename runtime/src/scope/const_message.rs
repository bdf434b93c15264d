//! Panic messages in constant evaluation, where `format!` is not available.

/// Maximum length of a message, in bytes. A longer message is truncated at a character boundary.
const CAPACITY: usize = 640;

/// Builder of a panic message.
pub(crate) struct ConstMessage {
    buffer: [u8; CAPACITY],
    len: usize,
}

impl ConstMessage {
    pub(crate) const fn new(text: &str) -> Self {
        Self { buffer: [0; CAPACITY], len: 0 }.push(text)
    }

    pub(crate) const fn push(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut end = bytes.len();
        if end > CAPACITY - self.len {
            end = CAPACITY - self.len;
            // A continuation byte is `10xxxxxx`: step back to the start of its character.
            while end > 0 && bytes[end] & 0xC0 == 0x80 {
                end -= 1;
            }
        }
        let mut i = 0;
        while i < end {
            self.buffer[self.len] = bytes[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    /// Panics with the message, at the location of the caller.
    #[track_caller]
    pub(crate) const fn panic(&self) -> ! {
        let (text, _) = self.buffer.split_at(self.len);
        match core::str::from_utf8(text) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("the list of scopes is not valid"),
        }
    }
}
