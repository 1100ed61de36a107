//! Protobuf's own bytes: tags, numbers and lengths, as few bytes as each needs. Nothing here panics or allocates but to say
//! what is wrong.

use crate::error::{ErrorCode, Refused};

/// A 32-bit integer as varints hold it: sign-extended to 64 bits.
pub(super) fn int32(value: u64) -> Option<i32> {
    i32::try_from(value.cast_signed()).ok()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Varint,
    Fixed64,
    Length,
    StartGroup,
    EndGroup,
    Fixed32,
}

pub(super) struct Tag {
    pub(super) number: u32,
    pub(super) wire: Wire,
}

impl Tag {
    #[inline]
    pub(super) fn read(rest: &mut &[u8]) -> Result<Self, Refused> {
        let tag = varint(rest)?;
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Length,
            3 => Wire::StartGroup,
            4 => Wire::EndGroup,
            5 => Wire::Fixed32,
            _ => return Err(malformed("there is no such wire type")),
        };
        match u32::try_from(tag >> 3) {
            Ok(number @ 1..=0x1fff_ffff) => Ok(Self { number, wire }),
            Ok(_) | Err(_) => Err(malformed("a field number is out of range")),
        }
    }
}

/// A varint in as few bytes as its value needs.
#[inline]
pub(super) fn varint(rest: &mut &[u8]) -> Result<u64, Refused> {
    // Nearly all are one byte.
    match rest.split_first() {
        Some((byte, after)) if *byte < 0x80 => {
            *rest = after;
            Ok(u64::from(*byte))
        }
        Some(_) | None => long_varint(rest),
    }
}

fn long_varint(rest: &mut &[u8]) -> Result<u64, Refused> {
    let mut value = 0u64;
    for shift in (0..64u32).step_by(7) {
        let byte = match rest.split_first() {
            Some((byte, after)) => {
                *rest = after;
                *byte
            }
            None => return Err(malformed("the data ends inside a number")),
        };
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(malformed("a number is longer than 64 bits"));
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return if byte == 0 && shift > 0 {
                Err(malformed("a number is encoded in more bytes than it needs"))
            } else {
                Ok(value)
            };
        }
    }
    Err(malformed("a number is longer than 64 bits"))
}

#[inline]
pub(super) fn length_delimited<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Refused> {
    let length = varint(rest)?;
    let length = usize::try_from(length).map_err(|_| malformed("the data ends inside a field"))?;
    take(rest, length)
}

#[inline]
pub(super) fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Refused> {
    let (taken, after) = rest
        .split_at_checked(length)
        .ok_or_else(|| malformed("the data ends inside a field"))?;
    *rest = after;
    Ok(taken)
}

#[cold]
pub(super) fn malformed(sentence: &str) -> Refused {
    Refused::new(ErrorCode::Malformed, sentence)
}
