//! Sets of ASCII characters: the character classes of RFC 3986.

/// Set of ASCII characters. It can be built in constants, which `percent_encoding::AsciiSet` cannot be asked in.
#[derive(Clone, Copy)]
pub(super) struct ByteSet(u128);

/// Characters that are never percent-encoded (section 2.3).
pub(super) const UNRESERVED: ByteSet =
    ByteSet(0).with(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
/// Characters of the host, without `%` (section 3.2.2).
pub(super) const REG_NAME: ByteSet = UNRESERVED.with(b"!$&'()*+,;=");
/// Characters of a segment of the path, without `%` (section 3.3).
pub(super) const PCHAR: ByteSet = REG_NAME.with(b":@");
/// Characters of the query, without `%` (section 3.4).
pub(super) const QUERY: ByteSet = PCHAR.with(b"/?");

impl ByteSet {
    pub(super) const fn with(self, bytes: &[u8]) -> Self {
        let mut bits = self.0;
        let mut i = 0;
        while i < bytes.len() {
            assert!(bytes[i].is_ascii());
            bits |= 1 << bytes[i];
            i += 1;
        }
        Self(bits)
    }

    pub(super) const fn without(self, bytes: &[u8]) -> Self {
        Self(self.0 & !Self(0).with(bytes).0)
    }

    pub(super) const fn contains(self, byte: u8) -> bool {
        byte.is_ascii() && self.0 >> byte & 1 == 1
    }

    pub(super) const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the set of one character.
    pub(super) const fn of(byte: u8) -> Self {
        Self(0).with(&[byte])
    }
}
