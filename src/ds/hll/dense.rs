//! Dense registers: 6 bits each, the first in the lowest bits of the first byte. Four of them fill
//! three bytes.

use super::Registers;

/// The four registers in three bytes.
fn unpack(bytes: &[u8]) -> [u8; 4] {
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    [0, 6, 12, 18].map(|shift| (word >> shift & 63) as u8)
}

fn pack(registers: &[u8]) -> [u8; 3] {
    let word = registers.iter().rev().fold(0, |word, value| word << 6 | u32::from(*value & 63));
    let [a, b, c, _] = word.to_le_bytes();
    [a, b, c]
}

/// Raises registers to those in the bytes.
pub fn merge_into(registers: &mut Registers, bytes: &[u8]) {
    for (four, packed) in registers.chunks_exact_mut(4).zip(bytes.chunks_exact(3)) {
        for (register, value) in four.iter_mut().zip(unpack(packed)) {
            *register = value.max(*register);
        }
    }
}

/// Raises one register; true when it was lower.
#[inline(always)]
pub fn raise(bytes: &mut [u8], index: usize, value: u8) -> bool {
    let packed = &mut bytes[index / 4 * 3..][..3];
    let word = u32::from_le_bytes([packed[0], packed[1], packed[2], 0]);
    let shift = index % 4 * 6;
    if (word >> shift & 63) as u8 >= value {
        return false;
    }
    let word = word & !(63 << shift) | u32::from(value & 63) << shift;
    packed.copy_from_slice(&word.to_le_bytes()[..3]);
    true
}

/// Appends all registers.
pub fn push_all(bytes: &mut Vec<u8>, registers: &Registers) {
    for four in registers.chunks_exact(4) {
        bytes.extend_from_slice(&pack(four));
    }
}
